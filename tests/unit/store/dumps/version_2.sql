BEGIN TRANSACTION;
CREATE TABLE commands (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	study INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	FOREIGN KEY(study) REFERENCES studies ("key") ON DELETE CASCADE
);
INSERT INTO "commands" VALUES(1,2,1700001000.0,'{"kind":"command_given","command":"stop","trial":null,"by":"ben"}');
CREATE TABLE cursors (
	study INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	PRIMARY KEY (study, name), 
	FOREIGN KEY(study) REFERENCES studies ("key") ON DELETE CASCADE
);
INSERT INTO "cursors" VALUES(1,'mlflow',4);
CREATE TABLE events (
	study INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (study, seq), 
	FOREIGN KEY(study) REFERENCES studies ("key") ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES(1,1,1700000000.0,'{"kind":"study_created","study":"id-done","name":"done","space":{"name":"curves","description":"","recipe":null,"objective":[{"metric":"mAP","goal":"maximize"}],"budget":{"max_epochs":60,"min_epochs":7,"eta":3,"trials":12,"epochs":null,"gpu_hours":null,"wall_time":"","target":""},"search":{"algorithm":"freeze-thaw","schedule":"","seeds":1,"confirm":0},"resources":{"cpus":"auto","gpus":"auto"},"fixed":{},"parameters":{"lr":{"when":{},"help":"","type":"float","low":0.00001,"high":0.1,"log":true,"step":null,"prior":0.0001,"grid":[]},"width":{"when":{},"help":"","type":"int","low":1,"high":8,"log":false,"step":1,"prior":4,"grid":[]}},"tied":{},"rows":[],"published":[],"constraints":[],"measures":{"task":"reid","own":{"mAP":{"title":"mAP","fraction":true,"lower_is_better":false},"mINP":{"title":"mINP","fraction":true,"lower_is_better":false},"rank1":{"title":"rank-1","fraction":true,"lower_is_better":false},"rank5":{"title":"rank-5","fraction":true,"lower_is_better":false},"rank10":{"title":"rank-10","fraction":true,"lower_is_better":false}},"best":"mAP","shown":["mAP","mINP","rank1"]}},"base":{"lr":0.0001,"width":4},"plan":{"max_epochs":3,"min_epochs":1,"eta":3,"rungs":[1,3],"brackets":[{"rungs":[1,3],"sizes":[2,1]}]},"seed":7,"algorithm":"bohb","backend":"inline","workers":1,"cpus":1,"gpus":0.0,"ray_address":"","data":"","data_fingerprint":"","split_fingerprint":"","protocol":"validation","versions":{},"command":"","schedule":"","enqueued":[],"earlier":[],"confirm":0,"limits":{"epochs":null,"gpu_hours":null,"wall_seconds":null,"target":""},"teachers":[]}');
INSERT INTO "events" VALUES(1,2,1700000001.0,'{"kind":"controller_started","owner":"lab-1:4965","token":1,"workers":1}');
INSERT INTO "events" VALUES(1,3,1700000003.0,'{"kind":"trial_suggested","trial":1,"values":{"lr":0.0001,"width":4},"origin":"default","reason":"the recipe''s own values come first","bracket":0,"to_epoch":1,"row":"","seed":null,"parent":null,"from_epoch":0,"replaces":null,"confirms":null}');
INSERT INTO "events" VALUES(1,4,1700000003.0,'{"kind":"segment_started","segment":1,"trial":1,"from_epoch":0,"to_epoch":1,"attempt":1,"reason":"the recipe''s own values come first"}');
INSERT INTO "events" VALUES(1,6,1700000006.0,'{"kind":"checkpoint_saved","trial":1,"segment":1,"epoch":1,"path":"/data/home/trials/0001/epoch-1.json","sha256":"a29e6dbb7d56f6053a4755b3523dc9f2518b5bc08789be39c06bef0c17c08954"}');
INSERT INTO "events" VALUES(1,7,1700000008.0,'{"kind":"segment_ended","segment":1,"trial":1,"outcome":"completed","failure":null,"message":"","final":false,"seconds":0.009899674994812813,"worker":"lab-1:4965"}');
INSERT INTO "events" VALUES(1,8,1700000011.0,'{"kind":"trial_suggested","trial":2,"values":{"lr":0.0383722,"width":1},"origin":"prior","reason":"the recipe with 2 values drawn anew: too few results for the model","bracket":0,"to_epoch":1,"row":"","seed":null,"parent":null,"from_epoch":0,"replaces":null,"confirms":null}');
INSERT INTO "events" VALUES(1,9,1700000011.0,'{"kind":"segment_started","segment":2,"trial":2,"from_epoch":0,"to_epoch":1,"attempt":1,"reason":"the recipe with 2 values drawn anew: too few results for the model"}');
INSERT INTO "events" VALUES(1,11,1700000014.0,'{"kind":"checkpoint_saved","trial":2,"segment":2,"epoch":1,"path":"/data/home/trials/0002/epoch-1.json","sha256":"a29e6dbb7d56f6053a4755b3523dc9f2518b5bc08789be39c06bef0c17c08954"}');
INSERT INTO "events" VALUES(1,12,1700000016.0,'{"kind":"segment_ended","segment":2,"trial":2,"outcome":"completed","failure":null,"message":"","final":false,"seconds":0.006905830006871838,"worker":"lab-1:4965"}');
INSERT INTO "events" VALUES(1,13,1700000019.0,'{"kind":"segment_started","segment":3,"trial":1,"from_epoch":1,"to_epoch":3,"attempt":1,"reason":"promoted: among the best 1 of 2 at epoch 1, number 1 with mAP 0.048"}');
INSERT INTO "events" VALUES(1,15,1700000022.0,'{"kind":"checkpoint_saved","trial":1,"segment":3,"epoch":2,"path":"/data/home/trials/0001/epoch-2.json","sha256":"fd2cec55b4e2097337c86220dc2bb2f09f8414db4512f251abf0bc41d198f340"}');
INSERT INTO "events" VALUES(1,17,1700000025.0,'{"kind":"checkpoint_saved","trial":1,"segment":3,"epoch":3,"path":"/data/home/trials/0001/epoch-3.json","sha256":"f1f40166119110c3cf1b999d5040372e5f32ae1c03b5ff9a845aa7ecda1f03ba"}');
INSERT INTO "events" VALUES(1,18,1700000027.0,'{"kind":"segment_ended","segment":3,"trial":1,"outcome":"completed","failure":null,"message":"","final":false,"seconds":0.009890080997138284,"worker":"lab-1:4965"}');
INSERT INTO "events" VALUES(1,19,1700000030.0,'{"kind":"study_ended","status":"completed","reason":""}');
INSERT INTO "events" VALUES(2,1,1700000000.5,'{"kind":"study_created","study":"id-resting","name":"resting","space":{"name":"curves","description":"","recipe":null,"objective":[{"metric":"mAP","goal":"maximize"}],"budget":{"max_epochs":60,"min_epochs":7,"eta":3,"trials":12,"epochs":null,"gpu_hours":null,"wall_time":"","target":""},"search":{"algorithm":"freeze-thaw","schedule":"","seeds":1,"confirm":0},"resources":{"cpus":"auto","gpus":"auto"},"fixed":{},"parameters":{"lr":{"when":{},"help":"","type":"float","low":0.00001,"high":0.1,"log":true,"step":null,"prior":0.0001,"grid":[]},"width":{"when":{},"help":"","type":"int","low":1,"high":8,"log":false,"step":1,"prior":4,"grid":[]}},"tied":{},"rows":[],"published":[],"constraints":[],"measures":{"task":"reid","own":{"mAP":{"title":"mAP","fraction":true,"lower_is_better":false},"mINP":{"title":"mINP","fraction":true,"lower_is_better":false},"rank1":{"title":"rank-1","fraction":true,"lower_is_better":false},"rank5":{"title":"rank-5","fraction":true,"lower_is_better":false},"rank10":{"title":"rank-10","fraction":true,"lower_is_better":false}},"best":"mAP","shown":["mAP","mINP","rank1"]}},"base":{"lr":0.0001,"width":4},"plan":{"max_epochs":3,"min_epochs":1,"eta":3,"rungs":[1,3],"brackets":[{"rungs":[1,3],"sizes":[2,1]}]},"seed":7,"algorithm":"bohb","backend":"inline","workers":1,"cpus":1,"gpus":0.0,"ray_address":"","data":"","data_fingerprint":"","split_fingerprint":"","protocol":"validation","versions":{},"command":"","schedule":"","enqueued":[],"earlier":[],"confirm":0,"limits":{"epochs":null,"gpu_hours":null,"wall_seconds":null,"target":""},"teachers":[]}');
INSERT INTO "events" VALUES(2,2,1700000032.0,'{"kind":"controller_started","owner":"lab-1:4965","token":1,"workers":1}');
INSERT INTO "events" VALUES(2,3,1700000034.0,'{"kind":"trial_suggested","trial":1,"values":{"lr":0.0001,"width":4},"origin":"default","reason":"the recipe''s own values come first","bracket":0,"to_epoch":1,"row":"","seed":null,"parent":null,"from_epoch":0,"replaces":null,"confirms":null}');
INSERT INTO "events" VALUES(2,4,1700000034.0,'{"kind":"segment_started","segment":1,"trial":1,"from_epoch":0,"to_epoch":1,"attempt":1,"reason":"the recipe''s own values come first"}');
INSERT INTO "events" VALUES(2,6,1700000037.0,'{"kind":"checkpoint_saved","trial":1,"segment":1,"epoch":1,"path":"/data/home/trials/0001/epoch-1.json","sha256":"a29e6dbb7d56f6053a4755b3523dc9f2518b5bc08789be39c06bef0c17c08954"}');
INSERT INTO "events" VALUES(2,7,1700000038.0,'{"kind":"command_given","command":"pause","trial":null,"by":"ann"}');
INSERT INTO "events" VALUES(2,8,1700000040.0,'{"kind":"segment_ended","segment":1,"trial":1,"outcome":"paused","failure":null,"message":"","final":false,"seconds":0.011786779999965802,"worker":"lab-1:4965"}');
CREATE TABLE leases (
	study INTEGER NOT NULL, 
	token INTEGER NOT NULL, 
	owner TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	expires FLOAT NOT NULL, 
	PRIMARY KEY (study), 
	FOREIGN KEY(study) REFERENCES studies ("key") ON DELETE CASCADE
);
CREATE TABLE metrics (
	study INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	trial INTEGER NOT NULL, 
	segment INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (study, seq), 
	CONSTRAINT one_report_an_epoch UNIQUE (study, trial, epoch), 
	FOREIGN KEY(study) REFERENCES studies ("key") ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "metrics" VALUES(1,5,1,1,1,1700000006.0,'{"mAP":0.04758229098202024,"mINP":0.02379114549101012,"rank1":0.04758229098202024,"loss":0.9524177090179797,"seconds":0.01}');
INSERT INTO "metrics" VALUES(1,10,2,2,1,1700000014.0,'{"mAP":0.027119731441124888,"mINP":0.013559865720562444,"rank1":0.027119731441124888,"loss":0.9728802685588751,"seconds":0.01}');
INSERT INTO "metrics" VALUES(1,14,1,3,2,1700000022.0,'{"mAP":0.09063752346100909,"mINP":0.045318761730504545,"rank1":0.09063752346100909,"loss":0.9093624765389909,"seconds":0.01}');
INSERT INTO "metrics" VALUES(1,16,1,3,3,1700000025.0,'{"mAP":0.12959649965914105,"mINP":0.06479824982957053,"rank1":0.12959649965914105,"loss":0.870403500340859,"seconds":0.01}');
INSERT INTO "metrics" VALUES(2,5,1,1,1,1700000037.0,'{"mAP":0.04758229098202024,"mINP":0.02379114549101012,"rank1":0.04758229098202024,"loss":0.9524177090179797,"seconds":0.01}');
CREATE TABLE reid_tune_schema (
	version INTEGER NOT NULL
);
INSERT INTO "reid_tune_schema" VALUES(2);
CREATE TABLE studies (
	"key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	updated_at FLOAT NOT NULL, 
	seq INTEGER NOT NULL, 
	token INTEGER NOT NULL, 
	status TEXT DEFAULT 'created' NOT NULL, 
	UNIQUE (id), 
	UNIQUE (name)
);
INSERT INTO "studies" VALUES(1,'id-done','done',1700000000.0,1700000030.0,19,1,'completed');
INSERT INTO "studies" VALUES(2,'id-resting','resting',1700000000.5,1700000040.0,8,1,'paused');
CREATE INDEX commands_by_study ON commands (study);
COMMIT;
