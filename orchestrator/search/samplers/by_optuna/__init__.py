"""Optuna's samplers (Akiba et al. 2019) behind our interface: trials go in as Optuna's, suggestions come out as ours.

What may come in: Optuna's public interface. Only modules that are loaded when a study asks for them import it.
"""
