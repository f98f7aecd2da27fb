// Written by tools/api_types.py from the API's OpenAPI document. Do not edit.

/** The study after a verb, and what the verb did. */
export interface Acted {
  id: string;
  name: string;
  status: StudyStatus;
  reason: string;
  space: string;
  algorithm: string;
  backend: string;
  workers: number;
  objective: Array<Objective>;
  /** what its trials report, with titles; fractions are shown in percent */
  measures: Measures;
  created_at: number;
  updated_at: number;
  ended_at: number | null;
  trials_planned: number;
  trials_started: number;
  trials_by_status: Record<string, number>;
  epochs_planned: number;
  epochs_spent: number;
  seconds_left: number | null;
  /** hours of trials and GPUs, and those planned */
  spent: SpentView;
  /** share of slot time that stood idle though work existed */
  idle_share: number | null;
  /** the incumbent; once the study is completed, the winner */
  best: BestView | null;
  /** of several objectives the Pareto front over all rungs, the best in the first objective first */
  front: Array<BestView>;
  /** share in [0, 1] that the front dominates of the box up to the ideal; None: one objective */
  hypervolume: number | null;
  /** constraints on outcomes */
  constraints: Array<string>;
  /** the recipe's default configuration at its highest epoch */
  default: BestView | null;
  /** what ends the search early */
  limits: Array<LimitView>;
  /** hidden from the list of studies */
  archived: boolean;
  tags: Array<string>;
  note: string;
  /** nodes set aside, and why */
  avoided: Record<string, string>;
  /** objective of the incumbent after each reported rung, for sparklines */
  best_so_far: Array<number>;
  /** number of events; changes when anything changed */
  revision: number;
  /** whether anything was asked for or recorded; false: it was so already */
  changed: boolean;
  /** one sentence for people */
  told: string;
  /** what one would type next, in a terminal */
  hint: string;
}

/** What a study's results say about its parameters and about going on. */
export interface AnalysisView {
  study: string;
  revision: number;
  objective: Objective;
  /** whether the objective lies in [0, 1] and is told in percent */
  fraction: boolean;
  max_epochs: number;
  /** trials with a result */
  results: number;
  importance: ImportancePart;
  dependence: DependencePart;
  belief: BeliefPart;
  gain: GainPart;
  notes: Array<string>;
}

/** What the model believes now: trials and the best new configuration, by expected value. */
export interface BeliefPart {
  /** what is missing for this part, in words; empty: it is all there */
  needs: string;
  trials: Array<BelievedTrial>;
  new: BelievedConfiguration | null;
}

/** A configuration that was not tried yet, and what is expected of it. */
export interface BelievedConfiguration {
  values: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  mean: number;
  deviation: number;
}

/** A trial, what is expected of it at the full number of epochs, and why it is where it is. */
export interface BelievedTrial {
  trial: number;
  status: TrialStatus;
  epoch: number;
  /** the objective at its last epoch */
  seen: number | null;
  mean: number;
  deviation: number;
  origin: Origin;
  /** why it was tried */
  reason: string;
  /** why it was trained further, the last time */
  advance_reason: string;
}

/** The incumbent: the best value that any trial reported at any epoch on a rung. */
export interface BestView {
  trial: number;
  epoch: number;
  metrics: Record<string, number>;
  /** objective minus the default configuration's at the same epochs */
  gain: number | null;
  /** trainings with different seeds; with several, metrics are their means */
  runs: number;
  /** sample standard deviation of each metric over the runs */
  deviations: Record<string, number>;
  /** constraints on outcomes that the metrics do not satisfy */
  broken: Array<string>;
}

/** A study as its page draws it: what it needs of every trial, and the curves of the best hundred. */
export interface BoardView {
  /** without its trials */
  study: StudyDetail;
  trials: TrialColumns;
  best: StepsView;
  curves: MetricsView;
}

/** Trials that climb together: `sizes[i]` of them are trained up to epoch `rungs[i]`. */
export interface Bracket {
  rungs: Array<number>;
  sizes: Array<number>;
}

/** Epochs of a full run, the shortest useful run, and how strictly a rung selects. */
export interface Budget {
  /** epochs of a full run */
  max_epochs: number;
  /** the lowest rung is never below it */
  min_epochs: number;
  /** one of eta trials is promoted; rungs are max_epochs / eta^k */
  eta: number;
  /** number of configurations when --trials is not given */
  trials: number;
  /** ends the search: epochs of all trials */
  epochs: number | null;
  /** ends the search: GPU-hours of all trials */
  gpu_hours: number | null;
  /** ends the search: time since its start, as 90s, 45m, 8h or 2d */
  wall_time: string;
  /** ends the search: METRIC >= VALUE or METRIC <= VALUE */
  target: string;
}

/** One of the listed values. */
export interface Choice {
  /** active only when these other parameters or keys have this value (or one of these) */
  when: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** one line for tables and forms */
  help: string;
  /** one of a list of values */
  type: "choice";
  /** the values, two or more, all different */
  values: Array<boolean | number | string | Array<boolean | number | string | null> | null>;
  /** neighbours in the list resemble each other */
  ordered: boolean;
  /** the value expected to be good; default: the recipe's */
  prior: boolean | number | string | Array<boolean | number | string | null> | null;
}

/** A new study from an old one. */
export interface CloneRequest {
  /** name of the new study */
  name: string;
  /** configuration keys set otherwise for every trial */
  set?: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** seed of the search; default: the old one */
  seed?: number | null;
  /** start it too */
  launch?: boolean;
}

/** A machine with what runs on it. Of Ray's nodes the used parts are what Ray has given away. */
export interface ClusterNode {
  name: string;
  cores: number;
  cores_used: number | null;
  /** GiB */
  memory: number;
  /** GiB */
  memory_used: number | null;
  gpus: number;
  gpus_used: number | null;
  /** its GPUs one by one, where this machine's driver tells them */
  devices: Array<GpuView>;
  /** why nothing more is started there */
  set_aside: string;
  running: Array<RunningSegment>;
}

/** Everything at one time: nodes and what runs where, the queue, shares, failures. */
export interface ClusterView {
  at: number;
  /** ray: the nodes of a cluster; machine: this one alone */
  kind: string;
  /** address of the cluster; empty: this machine */
  ray: string;
  nodes: Array<ClusterNode>;
  /** what runs where nobody can say */
  elsewhere: Array<RunningSegment>;
  service: DaemonView;
  idle: Array<StudyIdle>;
  failures: Array<FailureView>;
}

/** Something in which the studies differ, with one text a study, in their order. */
export interface ComparedSetting {
  /** space, configuration, plan, data, limits, search or versions */
  section: string;
  what: string;
  values: Array<string>;
}

/** One of several studies: its summary, and its incumbent against what had been spent by then. */
export interface ComparedStudy {
  study: StudySummary;
  /** epochs spent and the incumbent's objective, each time it improved */
  steps: StepsView;
  /** mean trial-hours of an epoch so far; None: unknown */
  hours_per_epoch: number | null;
}

/** One of the trials, with every metric it reported. */
export interface ComparedTrial {
  id: number;
  status: TrialStatus;
  origin: Origin;
  epoch: number;
  rung: number;
  seconds: number;
  /** of its last epoch */
  metrics: Record<string, number>;
  epochs: Array<number>;
  /** metric name to one value an epoch */
  curves: Record<string, Array<number | null>>;
}

/** How many queries of one identity found another one first; an image of each. */
export interface Confusion {
  query: Image;
  found: Image;
  queries: number;
}

/** Every reported epoch of one trial, in columns. */
export interface Curve {
  trial: number;
  epochs: Array<number>;
  metrics: Record<string, Array<number | null>>;
}

/** The service: whether it is up, who runs in it and who waits. */
export interface DaemonView {
  up: boolean;
  /** the process of a service that ended without a word; None: none did */
  died: number | null;
  pid: number | null;
  host: string;
  /** address of the pages; empty without a web server */
  url: string;
  started: number | null;
  version: string;
  /** the daemon's log file */
  log: string;
  /** segments that may run side by side, of all studies together */
  slots: number;
  /** segments of the daemon's studies that run now */
  slots_used: number;
  running: Array<ServedView>;
  queue: Array<QueuedView>;
  troubles: Array<TroubleView>;
}

/** A study that is no more. */
export interface Deleted {
  id: string;
  name: string;
  /** the folder of its files, where they were kept; else empty */
  files: string;
  /** where checkpoints of it stay outside this installation; else empty */
  elsewhere: string;
}

/** What changed after a revision. With `reset`, fetch the study and its metrics again. */
export interface Delta {
  revision: number;
  study: StudySummary;
  trials: Array<TrialRow>;
  curves: Array<Curve>;
  events: Array<EventView>;
  reset: boolean;
}

/** Partial dependence of the objective on each parameter, in the order of the space. */
export interface DependencePart {
  /** what is missing for this part, in words; empty: it is all there */
  needs: string;
  parameters: Array<DependenceView>;
}

/** What the model expects of a parameter's values at the full number of epochs; all columns have one length. */
export interface DependenceView {
  name: string;
  values: Array<boolean | number | string | Array<boolean | number | string | null> | null>;
  /** the values are spread on a logarithmic scale */
  log: boolean;
  /** the values are choices, not a scale */
  choice: boolean;
  /** mean over the other parameters */
  mean: Array<number>;
  /** the model's own standard deviation, mean over the others */
  deviation: Array<number>;
  /** standard deviation of the expected value over the others */
  spread: Array<number>;
}

/** One thing in which two studies differ, in words. */
export interface Difference {
  /** space, configuration, plan, data, limits, search or versions */
  section: string;
  what: string;
  first: string;
  second: string;
}

/** A configuration to try soon; what it leaves out is the space's default. */
export interface EnqueueRequest {
  values: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
}

/** The body of every answer that is not a success. */
export interface ErrorBody {
  error: ErrorView;
}

/** What happened and what to do about it. */
export interface ErrorView {
  /** stable, for programs: not-found, conflict, invalid-input, ... */
  code: string;
  message: string;
  hint: string;
  findings: Array<FindingView>;
}

/** An event for people: when, what kind, one sentence. */
export interface EventView {
  seq: number;
  at: number;
  kind: string;
  trial: number | null;
  text: string;
}

/** How much more a study is to do; nothing: an ended study rests again, and can be resumed. */
export interface ExtendRequest {
  /** so many more trials */
  trials?: number | null;
  /** so many more epochs */
  epochs?: number | null;
  /** cannot change: refused unless it is the study's own */
  max_epochs?: number | null;
}

/** Segments that ended badly, of one kind, by study. */
export interface FailureView {
  kind: string;
  count: number;
  /** name of the study to its count */
  studies: Record<string, number>;
}

/** One fault in an input; `key` names the field of a form or the configuration key. */
export interface FindingView {
  code: string;
  message: string;
  file: string;
  line: number;
  col: number;
  hint: string;
  key: string;
}

/** A real number in [low, high]. */
export interface Float {
  /** active only when these other parameters or keys have this value (or one of these) */
  when: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** one line for tables and forms */
  help: string;
  /** a real number */
  type: "float";
  /** the smallest value */
  low: number;
  /** the largest value */
  high: number;
  /** search on a logarithmic scale; low is above 0 */
  log: boolean;
  /** distance between two values, counted from low; not together with log */
  step: number | null;
  /** the value expected to be good; default: the recipe's */
  prior: number | null;
  /** the values that the algorithm grid tries */
  grid: Array<number>;
}

/** An image in a query's list. */
export interface Found {
  number: number;
  identity: string;
  camera: number | null;
  /** its path in the data set */
  name: string;
  /** from 1 among those that count; None: left out */
  rank: number | null;
  /** right, wrong or same camera */
  mark: string;
  distance: number;
}

/** What further training is expected to gain over the best so far, and whether that is worth it. */
export interface GainPart {
  /** what is missing for this part, in words; empty: it is all there */
  needs: string;
  /** what is expected, in full, of the best trial that got furthest */
  best: number;
  /** expected gain of one more full run */
  next: number;
  /** epochs that it costs */
  next_epochs: number;
  /** what that run is: a resting trial or a new configuration */
  what: string;
  /** expected gain of four more full runs side by side */
  four: number;
  four_epochs: number;
  /** a smaller gain of the next run is not worth it */
  threshold: number;
  threshold_reason: string;
  stop: boolean;
  /** all of it in a sentence */
  text: string;
}

/** An inspection without its queries. */
export interface Gallery {
  looked: Looked;
  conditions: string;
  metrics: Record<string, number>;
  counts: Record<string, number>;
  top: number;
  /** of the model's input, in pixels */
  height: number;
  width: number;
  cameras: Array<GroupRow>;
  /** the hardest first */
  identities: Array<GroupRow>;
  confusions: Array<Confusion>;
  /** how many pairs of identities are confused at all */
  confused: number;
  nearest_wrong: Array<Pair>;
  farthest_right: Array<Pair>;
  maps: Array<string>;
  missing: Record<string, string>;
}

/** Which way is better. */
export type Goal = "maximize" | "minimize";

/** One GPU of this machine, as its driver tells it. */
export interface GpuView {
  number: number;
  name: string;
  /** GiB */
  memory_used: number;
  /** GiB */
  memory: number;
  /** share of the last second in [0, 1] */
  busy: number;
}

/** The queries of one camera or identity. */
export interface GroupRow {
  name: string;
  queries: number;
  mean_ap: number;
  rank1: number;
}

/** An image by its number in the inspection. `camera` is None where nobody knows it. */
export interface Image {
  number: number;
  identity: string;
  camera: number | null;
  /** its path in the data set */
  name: string;
}

/** How large: a THUMB for lists, FULL for looking at one. */
export type ImageSize = "thumb" | "full";

/** Parameter importance by functional ANOVA, the most important first. */
export interface ImportancePart {
  /** what is missing for this part, in words; empty: it is all there */
  needs: string;
  method: string;
  parameters: Array<ImportanceView>;
  /** trials that were used */
  trials: number;
  /** how often they were drawn anew, with replacement */
  draws: number;
  /** the share of the resampled importances that lies in each interval */
  interval: number;
}

/** The share of the values' variance that a parameter explains. */
export interface ImportanceView {
  name: string;
  /** mean over the resampled trials; a study's shares add up to 1 */
  mean: number;
  /** lower end of the interval over the resampled trials */
  low: number;
  /** upper end */
  high: number;
}

/** NONE: nobody asked yet. STALE: there is one of an earlier epoch. */
export type InspectionState = "none" | "building" | "ready" | "stale" | "failed";

/** A whole number in [low, high]. */
export interface Int {
  /** active only when these other parameters or keys have this value (or one of these) */
  when: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** one line for tables and forms */
  help: string;
  /** a whole number */
  type: "int";
  /** the smallest value */
  low: number;
  /** the largest value */
  high: number;
  /** search on a logarithmic scale; low is above 0 */
  log: boolean;
  /** distance between two values, counted from low */
  step: number;
  /** the value expected to be good; default: the recipe's */
  prior: number | null;
  /** the values that the algorithm grid tries */
  grid: Array<number>;
}

/** BEST: the best, the newest and those of the rungs. LAST: the newest. ALL: every one. Whatever it is, those stay that another trial is to go on from, and all of a pinned trial. */
export type Keep = "best" | "last" | "all";

/** A key of the configuration in which trials differ; `values` are in the order of the trials. */
export interface KeyDifference {
  key: string;
  /** a parameter of the space; else it follows another or was set */
  searched: boolean;
  values: Array<boolean | number | string | Array<boolean | number | string | null> | null>;
}

/** What ends a search early, and how much of it is used: epochs, GPU-hours, seconds, or the best value so far. */
export interface LimitView {
  /** epochs, gpu_hours, wall_time or target */
  kind: string;
  /** None: nothing is known yet */
  used: number | null;
  /** the limit; for a target the value that is wanted */
  most: number;
  text: string;
}

/** What ends the search early from now on; what is not named stays as it is. */
export interface LimitsRequest {
  /** epochs of all trials */
  epochs?: number | null;
  /** GPU-hours of all trials */
  gpu_hours?: number | null;
  /** time of running: 90s, 45m, 8h, 2d */
  wall_time?: string;
  /** METRIC >= VALUE or METRIC <= VALUE */
  target?: string;
  /** limits to take away: epochs, gpu-hours, ... or all */
  clear?: Array<string>;
}

/** Which of a trial's texts: its log, or what its processes printed. */
export type LogName = "log" | "stdout" | "stderr";

/** The last lines of a trial's log, oldest first. */
export interface LogView {
  lines: Array<string>;
}

/** Where the inspection of a trial (or of the retrained winner: `trial` None) stands. */
export interface Looked {
  study: string;
  trial: number | null;
  state: InspectionState;
  /** what is done now */
  stage: string;
  done: number;
  total: number;
  /** why it failed, or cannot be */
  message: string;
  hint: string;
  /** whether there is a checkpoint to inspect */
  possible: boolean;
  /** epoch of the checkpoint that was inspected */
  epoch: number | null;
  /** epoch of the newest checkpoint */
  newest: number | null;
  /** changes when the inspection does */
  mark: string;
}

/** Embeddings on a plane, in columns; x and y in [0, 1]. `ap` is None for images that are no query. */
export interface MapView {
  method: string;
  number: Array<number>;
  x: Array<number>;
  y: Array<number>;
  identity: Array<string>;
  camera: Array<number | null>;
  query: Array<number | null>;
  ap: Array<number | null>;
}

/** A metric that trials report. `title` is its name in tables, `fraction` says that it lies in [0, 1] and is shown in percent. */
export interface Measure {
  title: string;
  fraction: boolean;
  lower_is_better: boolean;
}

/** The measures of a task, and how each is read. Every trial reports the loss and may report costs besides. */
export interface Measures {
  /** as TASK.NAME names it */
  task: string;
  /** by the names that the task reports, the most telling first */
  own: Record<string, Measure>;
  /** the objective of a space that names none */
  best: string;
  /** those in short tables */
  shown: Array<string>;
}

/** Every reported epoch of a study in columns; a metric not reported is None. */
export interface MetricsView {
  revision: number;
  trial: Array<number>;
  epoch: Array<number>;
  metrics: Record<string, Array<number | null>>;
}

/** A note beside a study; empty: none. */
export interface NoteRequest {
  text: string;
}

/** What the search optimises, measured on the validation split. */
export interface Objective {
  /** a metric that the task reports (`reid-tune tasks`), loss, latency_ms, parameters, flops; default: that by which the task chooses, mAP for reid */
  metric: string;
  /** maximize or minimize; default: minimize for loss, costs and errors, else maximize */
  goal: Goal;
}

/** Where a suggested configuration comes from. */
export type Origin = "default" | "prior" | "model" | "random" | "grid" | "user" | "fork" | "confirm";

/** A query and one image that is hard for it. */
export interface Pair {
  query: Image;
  found: Found;
}

/** The layout of a study: the shared rung grid, the brackets on it, and what they cost. */
export interface Plan {
  max_epochs: number;
  min_epochs: number;
  eta: number;
  rungs: Array<number>;
  brackets: Array<Bracket>;
}

/** The plan, and what it is expected to cost. */
export interface PlanView {
  plan: Plan;
  objective: Array<Objective>;
  /** what models are trained for, as TASK.NAME names it */
  task: string;
  algorithm: string;
  /** how long trials train, where it is not the algorithm's own */
  schedule: string;
  parameters: number;
  /** keys that follow others, and how, in words */
  tied: Record<string, string>;
  /** names of the configurations of a space with rows */
  rows: Array<string>;
  /** how often each configuration is trained */
  seeds: number;
  protocol: Protocol;
  workers: number;
  /** measured or estimated; None when unknown */
  seconds_per_epoch: number | null;
  /** expected wall time of the study */
  seconds: number | null;
  /** expected GPU-hours; None without GPUs or when time is unknown */
  gpu_hours: number | null;
  limits: Array<LimitView>;
  /** configurations of the user, tried right after the default */
  enqueued: number;
  warm_start: Array<WarmStartView>;
  teachers: Array<Teacher>;
  /** new seeds that each finalist is trained with */
  confirm: number;
  /** what confirming costs at most, on top of the plan's epochs */
  confirm_epochs: number;
  device: string;
  /** one line about the images */
  data: string;
  warnings: Array<string>;
}

/** Which images are trained on and which are measured. VALIDATION: train without the held-out identities, measure on them (cut from train; what a search sees). TEST: train on all training identities, measure on query / gallery. */
export type Protocol = "validation" | "test";

/** A column of numbers that others have published, to stand beside the measured ones. */
export interface Published {
  /** heading of the column */
  name: string;
  /** where the numbers were published */
  source: string;
}

/** A page of the queries that a wish is for; `total` of them. `others` are the same queries of another trial. */
export interface Queries {
  total: number;
  page: number;
  pages: number;
  rows: Array<QueryRow>;
  others: Array<QueryRow>;
}

/** How queries are sorted; the hardest first, but for BEST. */
export type QueryOrder = "hardest" | "best" | "first-hit" | "improved" | "worse";

/** A query with the beginning of its list. */
export interface QueryRow {
  number: number;
  identity: string;
  camera: number | null;
  /** its path in the data set */
  name: string;
  /** its number among the queries */
  query: number;
  /** average precision; None: no image of its identity counts */
  ap: number | null;
  inp: number | null;
  /** rank of the first right image */
  first_hit: number | null;
  found: Array<Found>;
  nearest_wrong: Found | null;
  farthest_right: Found | null;
}

/** A study that waits for its controller; the first of the queue is started first. */
export interface QueuedView {
  id: string;
  name: string;
  position: number;
  /** why it does not run yet, in words */
  waits_for: string;
  since: number;
  workers: number;
  max_slots: number | null;
  priority: number;
  weight: number;
}

/** What one trial takes on a node. */
export interface Resources {
  /** CPU threads a trial; auto shares the node's cores */
  cpus: number | "auto";
  /** GPUs a trial, a fraction shares one; auto: 1 where there is one */
  gpus: number | "auto";
  /** memory a trial, in GiB; 0: not counted */
  memory_gb: number;
  /** nodes that one trial's processes are spread over */
  nodes: number;
  /** labels that a node must carry */
  labels: Record<string, string>;
  /** other resources of a node that a trial takes */
  custom: Record<string, number>;
  /** seconds without a sign of life after which a trial counts as hung and is ended */
  silence: number;
}

/** One configuration of a space with rows. */
export interface Row {
  /** for tables; each row has its own */
  name: string;
  /** configuration keys that differ from the row it adds to */
  set: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** a row further up, or `recipe`; default: the row above, for the first the recipe */
  adds_to: string | null;
  /** by column of `published`: metrics in percent, as printed there */
  published: Record<string, Record<string, number>>;
}

/** A segment that runs now, as its study's log tells it. */
export interface RunningSegment {
  study: string;
  /** of the study */
  name: string;
  trial: number;
  segment: number;
  attempt: number;
  /** finished so far */
  epoch: number;
  to_epoch: number;
  since: number;
  /** where it runs; empty: somewhere on the cluster */
  node: string;
  /** GPUs that it takes */
  gpus: number;
  /** threads that it takes */
  cpus: number;
  /** of its last epoch */
  images_per_second: number | null;
  /** share of the GPU in use in its last epoch */
  gpu: number | null;
  /** cores in use in its last epoch */
  cpu: number | null;
  /** GPU memory in its last epoch, in GiB */
  gpu_memory_gb: number | null;
}

/** How configurations are chosen. */
export interface Search {
  /** asha or bohb or cma-es or freeze-thaw or gp or grid or hpbandster or hyperband or median or nsga2 or nsga3 or pbt or random or sobol or successive-halving or tpe; with rows, grid */
  algorithm: string;
  /** full or hyperband or successive-halving or asha or median; default: the algorithm's own */
  schedule: string;
  /** how often grid trains each configuration, each time with another seed */
  seeds: number;
  /** new seeds that each of the best three is trained with before one wins */
  confirm: number;
}

/** One run of a trial in one process. */
export interface SegmentView {
  segment: number;
  from_epoch: number;
  to_epoch: number;
  attempt: number;
  /** why the trial was trained further, or begun */
  reason: string;
  started_at: number;
  ended_at: number | null;
  outcome: string;
  message: string;
  worker: string;
}

/** A study with a live controller. */
export interface ServedView {
  id: string;
  name: string;
  /** host:pid of its controller; empty: it waits for the next service to go on */
  owner: string;
  /** segments that run now */
  slots: number;
  /** segments that it may run; None: it was not started by the daemon */
  granted: number | null;
  /** segments that it can run at most */
  workers: number;
  max_slots: number | null;
  priority: number;
  weight: number;
  trials_started: number;
  trials_planned: number;
  epochs_spent: number;
  epochs_planned: number;
  /** of all its trials, over the time it has run */
  epochs_per_hour: number | null;
  seconds_left: number | null;
  /** when it is expected to end; None while that is unknown */
  ends_at: number | null;
}

/** A configuration key of a trial against the recipe's default. */
export interface SettingDiff {
  key: string;
  default: boolean | number | string | Array<boolean | number | string | null> | null;
  value: boolean | number | string | Array<boolean | number | string | null> | null;
}

/** A study's share of the service's slots from now on; what is left out stays as it is. */
export interface ShareRequest {
  /** never more slots than this; 0: no limit */
  max_slots?: number | null;
  /** the higher is served first */
  priority?: number | null;
  /** share within its priority */
  weight?: number | null;
}

/** A search space: what varies (`parameters`), or configurations by name (`rows`). Both keep their order. */
export interface Space {
  /** for lists; in a file, its default is the name of the file */
  name: string;
  /** one line for lists */
  description: string;
  /** a shipped recipe, a path, or a FastReID YAML; left out: values only */
  recipe: string | null;
  /** a metric's name, one mapping {metric, goal}, or a list of them */
  objective: Array<Objective>;
  /** epochs and trials */
  budget: Budget;
  /** how configurations are chosen */
  search: Search;
  /** what one trial takes on a node */
  resources: Resources;
  /** configuration keys set for every trial */
  fixed: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** what varies, by configuration key; needed unless there are rows */
  parameters: Record<string, Float | Int | Choice>;
  /** keys that follow others, by configuration key; `parameters` may hold them as `type: tied` */
  tied: Record<string, Tied>;
  /** named configurations instead of parameters: an ablation */
  rows: Array<Row>;
  /** columns that a report shows beside the rows */
  published: Array<Published>;
  /** expressions over keys that every configuration satisfies, or over metrics: `latency_ms <= 5` */
  constraints: Array<string>;
  /** what its trials report; from the task of the recipe, not from a file */
  measures: Measures;
}

/** A space of the catalog. */
export interface SpaceView {
  name: string;
  description: string;
  recipe: string;
  parameters: number;
  /** number of named configurations, in a space that has these instead of parameters */
  rows: number;
  space: Space;
  yaml: string;
  /** what is expected to be good: priors, else the recipe's */
  defaults: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
}

/** Hours of all segments together, each counted for itself; GPU-hours are these times the GPUs of a trial. */
export interface SpentView {
  /** hours of all segments so far; running ones count */
  trial_hours: number;
  /** of the whole plan at the pace so far; None: unknown */
  trial_hours_planned: number | null;
  /** GPU-hours so far; None: trials take no GPU */
  gpu_hours: number | null;
  /** of the whole plan at the pace so far, at most the limit; None: unknown, or no GPU */
  gpu_hours_planned: number | null;
}

/** The incumbent's objective each time it improved, and the epochs that the study had spent then. */
export interface StepsView {
  spent: Array<number>;
  best: Array<number>;
}

/** How a study is to be stopped. */
export interface StopRequest {
  /** what runs goes on to its rung; else it ends after its epoch */
  at_rung?: boolean;
  /** what runs saves in the middle of its epoch, and ends there */
  now?: boolean;
}

/** Several studies beside each other, and everything in which they differ. */
export interface StudiesComparison {
  studies: Array<ComparedStudy>;
  settings: Array<ComparedSetting>;
}

/** A study with its plan and space. */
export interface StudyDetail {
  id: string;
  name: string;
  status: StudyStatus;
  reason: string;
  space: string;
  algorithm: string;
  backend: string;
  workers: number;
  objective: Array<Objective>;
  /** what its trials report, with titles; fractions are shown in percent */
  measures: Measures;
  created_at: number;
  updated_at: number;
  ended_at: number | null;
  trials_planned: number;
  trials_started: number;
  trials_by_status: Record<string, number>;
  epochs_planned: number;
  epochs_spent: number;
  seconds_left: number | null;
  /** hours of trials and GPUs, and those planned */
  spent: SpentView;
  /** share of slot time that stood idle though work existed */
  idle_share: number | null;
  /** the incumbent; once the study is completed, the winner */
  best: BestView | null;
  /** of several objectives the Pareto front over all rungs, the best in the first objective first */
  front: Array<BestView>;
  /** share in [0, 1] that the front dominates of the box up to the ideal; None: one objective */
  hypervolume: number | null;
  /** constraints on outcomes */
  constraints: Array<string>;
  /** the recipe's default configuration at its highest epoch */
  default: BestView | null;
  /** what ends the search early */
  limits: Array<LimitView>;
  /** hidden from the list of studies */
  archived: boolean;
  tags: Array<string>;
  note: string;
  /** nodes set aside, and why */
  avoided: Record<string, string>;
  /** objective of the incumbent after each reported rung, for sparklines */
  best_so_far: Array<number>;
  /** number of events; changes when anything changed */
  revision: number;
  plan: Plan;
  space_model: Space;
  data: string;
  seed: number;
  /** what its trials are measured on */
  protocol: Protocol;
  directory: string;
  /** MLflow tracking address of the study; empty when tracking is off */
  mlflow: string;
  /** the command that makes this study again */
  command: string;
  /** configurations of the user, tried right after the default */
  enqueued: number;
  /** configurations enqueued since the start that wait for their trial */
  waiting: number;
  warm_start: Array<WarmStartView>;
  teachers: Array<Teacher>;
  /** new seeds that each finalist is trained with */
  confirm: number;
  trials: Array<TrialRow>;
}

/** Two studies beside each other. */
export interface StudyDifference {
  first: string;
  second: string;
  differences: Array<Difference>;
}

/** How much of its slots' time a running study left unused though work existed. */
export interface StudyIdle {
  id: string;
  name: string;
  idle_share: number | null;
}

/** What it takes to create a study; the options of `reid-tune run`. */
export interface StudyRequest {
  /** a catalog name, a file, or the YAML text itself */
  space: string;
  /** a folder of images; empty: the space's own (built-in synthetic data) */
  data?: string;
  /** number of configurations; default: the space's */
  trials?: number | null;
  /** epochs of a full run; the recipe's schedule is scaled to it */
  max_epochs?: number | null;
  /** epochs of the lowest rung */
  min_epochs?: number | null;
  /** default: the space's */
  algorithm?: string | null;
  /** segments side by side; default: from the node's cores or GPUs */
  workers?: number | null;
  /** seed of the search and of every trial; a grid's first seed */
  seed?: number;
  /** how often a grid trains each configuration; default: the space's */
  seeds?: number | null;
  /** how long trials train; default: the algorithm's own */
  schedule?: string | null;
  /** new seeds that each finalist is trained with before one wins */
  confirm?: number | null;
  /** ends the search: epochs of all trials */
  epochs?: number | null;
  /** ends the search: GPU-hours of all trials */
  gpu_hours?: number | null;
  /** ends the search: time since its start, as 90s, 45m, 8h or 2d */
  wall_time?: string;
  /** ends the search: METRIC >= VALUE or METRIC <= VALUE */
  target?: string;
  /** studies whose results the model may use: name, id or latest of each */
  warm_start?: Array<string>;
  /** what students learn from: study:NAME for a study's winner, or a checkpoint; several vary */
  teacher?: Array<string>;
  /** URL that checkpoints are kept under (s3://…, file://…); empty: the study's own folder */
  checkpoints?: string;
  /** which checkpoints stay */
  keep_checkpoints?: Keep;
  /** configurations to try first, in whole or in part */
  enqueue?: Array<Record<string, boolean | number | string | Array<boolean | number | string | null> | null>>;
  /** the file that they were read from, for messages */
  enqueue_file?: string;
  /** what is measured: validation, or for a space with rows test */
  protocol?: Protocol;
  /** name of the study; default: a readable generated one */
  name?: string;
  /** configuration keys set for every trial */
  set?: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** inline, processes or ray */
  backend?: string;
  /** address of a running Ray cluster; empty: a local one, started on demand */
  ray_address?: string;
  /** Ray runtime environment as JSON, or ship: this installation is sent to nodes */
  runtime_env?: string;
  /** in the service: never more of its slots than this */
  max_slots?: number | null;
  /** in the service: the higher is served first; default: 0 */
  priority?: number | null;
  /** in the service: share of the slots within a priority; default: 1 */
  weight?: number | null;
}

/** Where a study stands; QUEUED waits for the daemon. INTERRUPTED is never in a log: it is a running study whose controller is gone. */
export type StudyStatus = "created" | "queued" | "running" | "paused" | "completed" | "stopped" | "failed" | "interrupted";

/** One row of the list of studies. */
export interface StudySummary {
  id: string;
  name: string;
  status: StudyStatus;
  reason: string;
  space: string;
  algorithm: string;
  backend: string;
  workers: number;
  objective: Array<Objective>;
  /** what its trials report, with titles; fractions are shown in percent */
  measures: Measures;
  created_at: number;
  updated_at: number;
  ended_at: number | null;
  trials_planned: number;
  trials_started: number;
  trials_by_status: Record<string, number>;
  epochs_planned: number;
  epochs_spent: number;
  seconds_left: number | null;
  /** hours of trials and GPUs, and those planned */
  spent: SpentView;
  /** share of slot time that stood idle though work existed */
  idle_share: number | null;
  /** the incumbent; once the study is completed, the winner */
  best: BestView | null;
  /** of several objectives the Pareto front over all rungs, the best in the first objective first */
  front: Array<BestView>;
  /** share in [0, 1] that the front dominates of the box up to the ideal; None: one objective */
  hypervolume: number | null;
  /** constraints on outcomes */
  constraints: Array<string>;
  /** the recipe's default configuration at its highest epoch */
  default: BestView | null;
  /** what ends the search early */
  limits: Array<LimitView>;
  /** hidden from the list of studies */
  archived: boolean;
  tags: Array<string>;
  note: string;
  /** nodes set aside, and why */
  avoided: Record<string, string>;
  /** objective of the incumbent after each reported rung, for sparklines */
  best_so_far: Array<number>;
  /** number of events; changes when anything changed */
  revision: number;
}

/** Tags to add and to take away. */
export interface TagRequest {
  add?: Array<string>;
  remove?: Array<string>;
  clear?: boolean;
}

/** A model that every student of a study learns from, kept in the study's own folder under `path`. `study` is the id of the study whose trial it is, and `name` that study's name; both are empty for a file. `network` names its backbone and image size, `identities` are those it was trained on, `metrics` what it measured then. */
export interface Teacher {
  /** as it was asked for: study:NAME, or a file */
  source: string;
  path: string;
  sha256: string;
  study: string;
  name: string;
  trial: number | null;
  epoch: number;
  identities: number;
  network: string;
  metrics: Record<string, number>;
  /** it saw the same images and split, so that it knows the classes of the student */
  same_data: boolean;
  /** why it is this model, and what is known of its data */
  reason: string;
}

/** A key that follows others: `to` times `factor` plus `offset`, or an expression over keys. */
export interface Tied {
  /** follows other keys */
  type: "tied";
  /** the key that it follows: a parameter, or any key of the configuration */
  to: string;
  /** times this; the key must be a number then */
  factor: number;
  /** plus this; the key must be a number then */
  offset: number;
  /** instead of `to`: an expression over keys, in the language of constraints */
  expression: string;
  /** rounded to the nearest whole number */
  whole: boolean;
  /** one line for tables and forms */
  help: string;
}

/** A trial's configuration with some values changed, to try soon. */
export interface TrialCloneRequest {
  set: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
}

/** Every trial of a study in columns of equal length, by number; numbers have six significant digits. */
export interface TrialColumns {
  id: Array<number>;
  status: Array<TrialStatus>;
  origin: Array<Origin>;
  bracket: Array<number>;
  rung: Array<number>;
  epoch: Array<number>;
  score: Array<number | null>;
  metrics: Record<string, Array<number | null>>;
  /** null where a parameter is not active */
  values: Record<string, Array<boolean | number | string | Array<boolean | number | string | null> | null>>;
  /** of parameters not active in every trial: 1 where they are, else 0 */
  active: Record<string, string>;
  /** constraints on outcomes that each breaks */
  broken: Array<Array<string>>;
  reason: Array<string>;
  advance_reason: Array<string>;
  failure: Array<string>;
  message: Array<string>;
  node: Array<string>;
  /** empty: none is */
  pinned: Array<boolean>;
}

/** Trials of a study in the order asked for. */
export interface TrialComparison {
  study: string;
  trials: Array<ComparedTrial>;
  /** searched keys first, each group by name */
  differences: Array<KeyDifference>;
  /** keys that all of them share */
  alike: number;
}

/** A trial with its curves, configuration, segments and events. */
export interface TrialDetail {
  id: number;
  status: TrialStatus;
  origin: Origin;
  reason: string;
  bracket: number;
  /** epoch count of the rung it is on or climbs to */
  rung: number;
  epoch: number;
  to_epoch: number;
  metrics: Record<string, number>;
  /** objective at the last epoch */
  score: number | null;
  values: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** its name in a space with rows */
  row: string;
  /** its own seed; None: the study's */
  seed: number | null;
  /** the trial from whose checkpoint it went on, with other values */
  parent: number | null;
  /** the epoch of that checkpoint; it trained the epochs after it alone */
  from_epoch: number;
  /** the trial whose place in the population it took */
  replaces: number | null;
  /** the trial that it repeats with another seed */
  confirms: number | null;
  /** constraints on outcomes that it does not satisfy */
  broken: Array<string>;
  /** a person keeps it: its checkpoints are not discarded */
  pinned: boolean;
  /** who asked for its next rung, until it is on the way */
  promoted: string;
  advance_reason: string;
  attempts: number;
  failure: string;
  message: string;
  /** the node that runs it, or ran it last */
  node: string;
  seconds: number;
  seconds_left: number | null;
  study: string;
  epochs: Array<number>;
  /** metric name to one value an epoch */
  curves: Record<string, Array<number | null>>;
  config: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  diff: Array<SettingDiff>;
  segments: Array<SegmentView>;
  events: Array<EventView>;
  checkpoint: string;
  directory: string;
}

/** One row of the trials table. */
export interface TrialRow {
  id: number;
  status: TrialStatus;
  origin: Origin;
  reason: string;
  bracket: number;
  /** epoch count of the rung it is on or climbs to */
  rung: number;
  epoch: number;
  to_epoch: number;
  metrics: Record<string, number>;
  /** objective at the last epoch */
  score: number | null;
  values: Record<string, boolean | number | string | Array<boolean | number | string | null> | null>;
  /** its name in a space with rows */
  row: string;
  /** its own seed; None: the study's */
  seed: number | null;
  /** the trial from whose checkpoint it went on, with other values */
  parent: number | null;
  /** the epoch of that checkpoint; it trained the epochs after it alone */
  from_epoch: number;
  /** the trial whose place in the population it took */
  replaces: number | null;
  /** the trial that it repeats with another seed */
  confirms: number | null;
  /** constraints on outcomes that it does not satisfy */
  broken: Array<string>;
  /** a person keeps it: its checkpoints are not discarded */
  pinned: boolean;
  /** who asked for its next rung, until it is on the way */
  promoted: string;
  advance_reason: string;
  attempts: number;
  failure: string;
  message: string;
  /** the node that runs it, or ran it last */
  node: string;
  seconds: number;
  seconds_left: number | null;
}

/** Where a trial stands. A resting trial waits, checkpointed, on a rung until it is advanced. */
export type TrialStatus = "waiting" | "running" | "resting" | "completed" | "failed" | "stopped";

/** A study that the daemon cannot keep running, and why. */
export interface TroubleView {
  id: string;
  name: string;
  text: string;
}

/** An earlier study whose results the search uses. */
export interface WarmStartView {
  study: string;
  /** values at rungs of this study */
  results: number;
  /** its values can be compared with this study's; otherwise only their order counts */
  same_data: boolean;
}

export interface Answers {
  "GET /api/v1/studies": Array<StudySummary>;
  "POST /api/v1/studies": StudySummary;
  "GET /api/v1/studies/{study}": StudyDetail;
  "DELETE /api/v1/studies/{study}": Deleted;
  "GET /api/v1/studies/{study}/metrics": MetricsView;
  "GET /api/v1/studies/{study}/analysis": AnalysisView;
  "GET /api/v1/studies/{study}/trials": Array<TrialRow>;
  "GET /api/v1/studies/{study}/trials/{trial}": TrialDetail;
  "GET /api/v1/studies/{study}/trials/{trial}/log": LogView;
  "GET /api/v1/studies/{study}/events": Delta;
  "GET /api/v1/spaces": Array<SpaceView>;
  "GET /api/v1/spaces/{name}": SpaceView;
  "POST /api/v1/plan": PlanView;
  "GET /api/v1/service": DaemonView;
  "POST /api/v1/studies/{study}/share": Acted;
  "GET /api/v1/compare": StudiesComparison;
  "GET /api/v1/cluster": ClusterView;
  "GET /api/v1/studies/{study}/trials.csv": unknown;
  "GET /api/v1/studies/{study}/compare": TrialComparison;
  "GET /api/v1/studies/{study}/trials/{trial}/inspection": Looked;
  "POST /api/v1/studies/{study}/trials/{trial}/inspection": Looked;
  "GET /api/v1/studies/{study}/trials/{trial}/inspection/gallery": Gallery;
  "GET /api/v1/studies/{study}/trials/{trial}/inspection/map": MapView;
  "GET /api/v1/studies/{study}/trials/{trial}/inspection/images/{number}": unknown;
  "GET /api/v1/studies/{study}/winner/inspection": Looked;
  "POST /api/v1/studies/{study}/winner/inspection": Looked;
  "GET /api/v1/studies/{study}/winner/inspection/gallery": Gallery;
  "GET /api/v1/studies/{study}/winner/inspection/map": MapView;
  "GET /api/v1/studies/{study}/winner/inspection/images/{number}": unknown;
  "GET /api/v1/studies/{study}/trials/{trial}/inspection/queries": Queries;
  "GET /api/v1/studies/{study}/winner/inspection/queries": Queries;
  "POST /api/v1/studies/{study}/pause": Acted;
  "POST /api/v1/studies/{study}/resume": Acted;
  "POST /api/v1/studies/{study}/archive": Acted;
  "POST /api/v1/studies/{study}/unarchive": Acted;
  "POST /api/v1/studies/{study}/trials/{trial}/stop": Acted;
  "POST /api/v1/studies/{study}/trials/{trial}/retry": Acted;
  "POST /api/v1/studies/{study}/trials/{trial}/promote": Acted;
  "POST /api/v1/studies/{study}/trials/{trial}/pin": Acted;
  "POST /api/v1/studies/{study}/trials/{trial}/unpin": Acted;
  "POST /api/v1/studies/{study}/stop": Acted;
  "POST /api/v1/studies/{study}/extend": Acted;
  "POST /api/v1/studies/{study}/limits": Acted;
  "POST /api/v1/studies/{study}/note": Acted;
  "POST /api/v1/studies/{study}/tag": Acted;
  "POST /api/v1/studies/{study}/clone": Acted;
  "POST /api/v1/studies/{study}/enqueue": Acted;
  "GET /api/v1/studies/{study}/diff/{other}": StudyDifference;
  "POST /api/v1/studies/{study}/trials/{trial}/clone": Acted;
  "GET /healthz": Record<string, string>;
  "GET /readyz": unknown;
  "GET /metrics": unknown;
}

export interface Bodies {
  "POST /api/v1/studies": StudyRequest;
  "POST /api/v1/plan": StudyRequest;
  "POST /api/v1/studies/{study}/share": ShareRequest;
  "POST /api/v1/studies/{study}/stop": StopRequest;
  "POST /api/v1/studies/{study}/extend": ExtendRequest;
  "POST /api/v1/studies/{study}/limits": LimitsRequest;
  "POST /api/v1/studies/{study}/note": NoteRequest;
  "POST /api/v1/studies/{study}/tag": TagRequest;
  "POST /api/v1/studies/{study}/clone": CloneRequest;
  "POST /api/v1/studies/{study}/enqueue": EnqueueRequest;
  "POST /api/v1/studies/{study}/trials/{trial}/clone": TrialCloneRequest;
}
