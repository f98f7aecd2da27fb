SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.commands (
    id integer NOT NULL,
    study integer NOT NULL,
    at double precision NOT NULL,
    body text NOT NULL
);
CREATE SEQUENCE public.commands_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.commands_id_seq OWNED BY public.commands.id;
CREATE TABLE public.cursors (
    study integer NOT NULL,
    name text NOT NULL,
    seq integer NOT NULL
);
CREATE TABLE public.events (
    study integer NOT NULL,
    seq integer NOT NULL,
    at double precision NOT NULL,
    body text NOT NULL
);
CREATE TABLE public.leases (
    study integer NOT NULL,
    token integer NOT NULL,
    owner text NOT NULL,
    since double precision NOT NULL,
    expires double precision NOT NULL
);
CREATE TABLE public.metrics (
    study integer NOT NULL,
    seq integer NOT NULL,
    trial integer NOT NULL,
    segment integer NOT NULL,
    epoch integer NOT NULL,
    at double precision NOT NULL,
    body text NOT NULL
);
CREATE TABLE public.reid_tune_schema (
    version integer NOT NULL
);
CREATE TABLE public.studies (
    key integer NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    seq integer NOT NULL,
    token integer NOT NULL
);
CREATE SEQUENCE public.studies_key_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.studies_key_seq OWNED BY public.studies.key;
ALTER TABLE ONLY public.commands ALTER COLUMN id SET DEFAULT nextval('public.commands_id_seq'::regclass);
ALTER TABLE ONLY public.studies ALTER COLUMN key SET DEFAULT nextval('public.studies_key_seq'::regclass);
INSERT INTO public.commands VALUES (1, 2, 1700001000, '{"kind":"command_given","command":"stop","trial":null,"by":"ben"}');
INSERT INTO public.cursors VALUES (1, 'mlflow', 4);
INSERT INTO public.events VALUES (1, 1, 1700000000, '{"kind":"study_created","study":"id-done","name":"done","space":{"name":"curves","description":"","recipe":null,"objective":[{"metric":"mAP","goal":"maximize"}],"budget":{"max_epochs":60,"min_epochs":7,"eta":3,"trials":12,"epochs":null,"gpu_hours":null,"wall_time":"","target":""},"search":{"algorithm":"freeze-thaw","schedule":"","seeds":1,"confirm":0},"resources":{"cpus":"auto","gpus":"auto"},"fixed":{},"parameters":{"lr":{"when":{},"help":"","type":"float","low":0.00001,"high":0.1,"log":true,"step":null,"prior":0.0001,"grid":[]},"width":{"when":{},"help":"","type":"int","low":1,"high":8,"log":false,"step":1,"prior":4,"grid":[]}},"tied":{},"rows":[],"published":[],"constraints":[],"measures":{"task":"reid","own":{"mAP":{"title":"mAP","fraction":true,"lower_is_better":false},"mINP":{"title":"mINP","fraction":true,"lower_is_better":false},"rank1":{"title":"rank-1","fraction":true,"lower_is_better":false},"rank5":{"title":"rank-5","fraction":true,"lower_is_better":false},"rank10":{"title":"rank-10","fraction":true,"lower_is_better":false}},"best":"mAP","shown":["mAP","mINP","rank1"]}},"base":{"lr":0.0001,"width":4},"plan":{"max_epochs":3,"min_epochs":1,"eta":3,"rungs":[1,3],"brackets":[{"rungs":[1,3],"sizes":[2,1]}]},"seed":7,"algorithm":"bohb","backend":"inline","workers":1,"cpus":1,"gpus":0.0,"ray_address":"","data":"","data_fingerprint":"","split_fingerprint":"","protocol":"validation","versions":{},"command":"","schedule":"","enqueued":[],"earlier":[],"confirm":0,"limits":{"epochs":null,"gpu_hours":null,"wall_seconds":null,"target":""},"teachers":[]}');
INSERT INTO public.events VALUES (2, 1, 1700000000.5, '{"kind":"study_created","study":"id-resting","name":"resting","space":{"name":"curves","description":"","recipe":null,"objective":[{"metric":"mAP","goal":"maximize"}],"budget":{"max_epochs":60,"min_epochs":7,"eta":3,"trials":12,"epochs":null,"gpu_hours":null,"wall_time":"","target":""},"search":{"algorithm":"freeze-thaw","schedule":"","seeds":1,"confirm":0},"resources":{"cpus":"auto","gpus":"auto"},"fixed":{},"parameters":{"lr":{"when":{},"help":"","type":"float","low":0.00001,"high":0.1,"log":true,"step":null,"prior":0.0001,"grid":[]},"width":{"when":{},"help":"","type":"int","low":1,"high":8,"log":false,"step":1,"prior":4,"grid":[]}},"tied":{},"rows":[],"published":[],"constraints":[],"measures":{"task":"reid","own":{"mAP":{"title":"mAP","fraction":true,"lower_is_better":false},"mINP":{"title":"mINP","fraction":true,"lower_is_better":false},"rank1":{"title":"rank-1","fraction":true,"lower_is_better":false},"rank5":{"title":"rank-5","fraction":true,"lower_is_better":false},"rank10":{"title":"rank-10","fraction":true,"lower_is_better":false}},"best":"mAP","shown":["mAP","mINP","rank1"]}},"base":{"lr":0.0001,"width":4},"plan":{"max_epochs":3,"min_epochs":1,"eta":3,"rungs":[1,3],"brackets":[{"rungs":[1,3],"sizes":[2,1]}]},"seed":7,"algorithm":"bohb","backend":"inline","workers":1,"cpus":1,"gpus":0.0,"ray_address":"","data":"","data_fingerprint":"","split_fingerprint":"","protocol":"validation","versions":{},"command":"","schedule":"","enqueued":[],"earlier":[],"confirm":0,"limits":{"epochs":null,"gpu_hours":null,"wall_seconds":null,"target":""},"teachers":[]}');
INSERT INTO public.events VALUES (1, 2, 1700000001, '{"kind":"controller_started","owner":"lab-1:4965","token":1,"workers":1}');
INSERT INTO public.events VALUES (1, 3, 1700000003, '{"kind":"trial_suggested","trial":1,"values":{"lr":0.0001,"width":4},"origin":"default","reason":"the recipe''s own values come first","bracket":0,"to_epoch":1,"row":"","seed":null,"parent":null,"from_epoch":0,"replaces":null,"confirms":null}');
INSERT INTO public.events VALUES (1, 4, 1700000003, '{"kind":"segment_started","segment":1,"trial":1,"from_epoch":0,"to_epoch":1,"attempt":1,"reason":"the recipe''s own values come first"}');
INSERT INTO public.events VALUES (1, 6, 1700000006, '{"kind":"checkpoint_saved","trial":1,"segment":1,"epoch":1,"path":"/data/home/trials/0001/epoch-1.json","sha256":"a29e6dbb7d56f6053a4755b3523dc9f2518b5bc08789be39c06bef0c17c08954"}');
INSERT INTO public.events VALUES (1, 7, 1700000008, '{"kind":"segment_ended","segment":1,"trial":1,"outcome":"completed","failure":null,"message":"","final":false,"seconds":0.014329221994557884,"worker":"lab-1:4965"}');
INSERT INTO public.events VALUES (1, 8, 1700000011, '{"kind":"trial_suggested","trial":2,"values":{"lr":0.0383722,"width":1},"origin":"prior","reason":"the recipe with 2 values drawn anew: too few results for the model","bracket":0,"to_epoch":1,"row":"","seed":null,"parent":null,"from_epoch":0,"replaces":null,"confirms":null}');
INSERT INTO public.events VALUES (1, 9, 1700000011, '{"kind":"segment_started","segment":2,"trial":2,"from_epoch":0,"to_epoch":1,"attempt":1,"reason":"the recipe with 2 values drawn anew: too few results for the model"}');
INSERT INTO public.events VALUES (1, 11, 1700000014, '{"kind":"checkpoint_saved","trial":2,"segment":2,"epoch":1,"path":"/data/home/trials/0002/epoch-1.json","sha256":"a29e6dbb7d56f6053a4755b3523dc9f2518b5bc08789be39c06bef0c17c08954"}');
INSERT INTO public.events VALUES (1, 12, 1700000016, '{"kind":"segment_ended","segment":2,"trial":2,"outcome":"completed","failure":null,"message":"","final":false,"seconds":0.021163345001696143,"worker":"lab-1:4965"}');
INSERT INTO public.events VALUES (1, 13, 1700000019, '{"kind":"segment_started","segment":3,"trial":1,"from_epoch":1,"to_epoch":3,"attempt":1,"reason":"promoted: among the best 1 of 2 at epoch 1, number 1 with mAP 0.048"}');
INSERT INTO public.events VALUES (1, 15, 1700000022, '{"kind":"checkpoint_saved","trial":1,"segment":3,"epoch":2,"path":"/data/home/trials/0001/epoch-2.json","sha256":"fd2cec55b4e2097337c86220dc2bb2f09f8414db4512f251abf0bc41d198f340"}');
INSERT INTO public.events VALUES (1, 17, 1700000025, '{"kind":"checkpoint_saved","trial":1,"segment":3,"epoch":3,"path":"/data/home/trials/0001/epoch-3.json","sha256":"f1f40166119110c3cf1b999d5040372e5f32ae1c03b5ff9a845aa7ecda1f03ba"}');
INSERT INTO public.events VALUES (1, 18, 1700000027, '{"kind":"segment_ended","segment":3,"trial":1,"outcome":"completed","failure":null,"message":"","final":false,"seconds":0.025623336994613055,"worker":"lab-1:4965"}');
INSERT INTO public.events VALUES (1, 19, 1700000030, '{"kind":"study_ended","status":"completed","reason":""}');
INSERT INTO public.events VALUES (2, 2, 1700000032, '{"kind":"controller_started","owner":"lab-1:4965","token":1,"workers":1}');
INSERT INTO public.events VALUES (2, 3, 1700000034, '{"kind":"trial_suggested","trial":1,"values":{"lr":0.0001,"width":4},"origin":"default","reason":"the recipe''s own values come first","bracket":0,"to_epoch":1,"row":"","seed":null,"parent":null,"from_epoch":0,"replaces":null,"confirms":null}');
INSERT INTO public.events VALUES (2, 4, 1700000034, '{"kind":"segment_started","segment":1,"trial":1,"from_epoch":0,"to_epoch":1,"attempt":1,"reason":"the recipe''s own values come first"}');
INSERT INTO public.events VALUES (2, 6, 1700000037, '{"kind":"checkpoint_saved","trial":1,"segment":1,"epoch":1,"path":"/data/home/trials/0001/epoch-1.json","sha256":"a29e6dbb7d56f6053a4755b3523dc9f2518b5bc08789be39c06bef0c17c08954"}');
INSERT INTO public.events VALUES (2, 7, 1700000038, '{"kind":"command_given","command":"pause","trial":null,"by":"ann"}');
INSERT INTO public.events VALUES (2, 8, 1700000040, '{"kind":"segment_ended","segment":1,"trial":1,"outcome":"paused","failure":null,"message":"","final":false,"seconds":0.006417671000235714,"worker":"lab-1:4965"}');
INSERT INTO public.metrics VALUES (1, 5, 1, 1, 1, 1700000006, '{"mAP":0.04758229098202024,"mINP":0.02379114549101012,"rank1":0.04758229098202024,"loss":0.9524177090179797,"seconds":0.01}');
INSERT INTO public.metrics VALUES (1, 10, 2, 2, 1, 1700000014, '{"mAP":0.027119731441124888,"mINP":0.013559865720562444,"rank1":0.027119731441124888,"loss":0.9728802685588751,"seconds":0.01}');
INSERT INTO public.metrics VALUES (1, 14, 1, 3, 2, 1700000022, '{"mAP":0.09063752346100909,"mINP":0.045318761730504545,"rank1":0.09063752346100909,"loss":0.9093624765389909,"seconds":0.01}');
INSERT INTO public.metrics VALUES (1, 16, 1, 3, 3, 1700000025, '{"mAP":0.12959649965914105,"mINP":0.06479824982957053,"rank1":0.12959649965914105,"loss":0.870403500340859,"seconds":0.01}');
INSERT INTO public.metrics VALUES (2, 5, 1, 1, 1, 1700000037, '{"mAP":0.04758229098202024,"mINP":0.02379114549101012,"rank1":0.04758229098202024,"loss":0.9524177090179797,"seconds":0.01}');
INSERT INTO public.reid_tune_schema VALUES (1);
INSERT INTO public.studies VALUES (1, 'id-done', 'done', 1700000000, 1700000030, 19, 1);
INSERT INTO public.studies VALUES (2, 'id-resting', 'resting', 1700000000.5, 1700000040, 8, 1);
SELECT pg_catalog.setval('public.commands_id_seq', 1, true);
SELECT pg_catalog.setval('public.studies_key_seq', 2, true);
ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (study, name);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (study, seq);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (study);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_pkey PRIMARY KEY (study, seq);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT one_report_an_epoch UNIQUE (study, trial, epoch);
ALTER TABLE ONLY public.studies
    ADD CONSTRAINT studies_id_key UNIQUE (id);
ALTER TABLE ONLY public.studies
    ADD CONSTRAINT studies_name_key UNIQUE (name);
ALTER TABLE ONLY public.studies
    ADD CONSTRAINT studies_pkey PRIMARY KEY (key);
CREATE INDEX commands_by_study ON public.commands USING btree (study);
ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_study_fkey FOREIGN KEY (study) REFERENCES public.studies(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.cursors
    ADD CONSTRAINT cursors_study_fkey FOREIGN KEY (study) REFERENCES public.studies(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_study_fkey FOREIGN KEY (study) REFERENCES public.studies(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_study_fkey FOREIGN KEY (study) REFERENCES public.studies(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_study_fkey FOREIGN KEY (study) REFERENCES public.studies(key) ON DELETE CASCADE;
