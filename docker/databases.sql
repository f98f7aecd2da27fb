-- MLflow has tables of the names that the store has: it gets a database of its own
CREATE DATABASE mlflow;
