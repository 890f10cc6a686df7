// Tessera as a library: the whole stories first, then the parts that they are made of. Everything that is exported here is
// meant to be used; all else may change. Each part can be used without the others: tensors are all they share.

// Stories: from a request to files, from a folder to a model, from a world to weights.
export { generate } from './jobs/generate.ts';
export type { GeneratedClip, GenerateOptions, GenerateResult } from './jobs/generate.ts';
export { caption } from './jobs/caption.ts';
export type { CaptionedVideo, CaptionOptions, CaptionProgress, CaptionResult, FailedVideo } from './jobs/caption.ts';
export { captionSchema } from './jobs/caption-request.ts';
export type { CaptionRequest } from './jobs/caption-request.ts';
export { captionRecordSchema } from './jobs/caption-record.ts';
export type { CaptionRecord } from './jobs/caption-record.ts';
export { indexFilms } from './jobs/index-films.ts';
export type { IndexedFilm, IndexOptions, IndexResult } from './jobs/index-films.ts';
export { Searcher } from './jobs/search.ts';
export type { SearchAnswer, SearchHit } from './jobs/search.ts';
export { indexSchema, searchSchema } from './jobs/index-request.ts';
export type { IndexRequest, SearchRequest } from './jobs/index-request.ts';
export { generateSchema, parseRequest } from './jobs/request.ts';
export type { GenerateRequest } from './jobs/request.ts';
export type { Progress } from './jobs/progress.ts';
export type { Stage, StageTimes } from './jobs/stages.ts';
export { readSidecar } from './jobs/sidecar.ts';
export type { Sidecar } from './jobs/sidecar.ts';
export { loadModel } from './jobs/model.ts';
export type { Experts, Model, Network } from './jobs/model.ts';
export { listModels } from './jobs/model-names.ts';
export { verifyModel } from './jobs/verify-model.ts';
export { readSettings } from './jobs/settings.ts';
export type { Settings } from './jobs/settings.ts';
// The queue: renders for later, by workers in this process or others.
export { Queue } from './jobs/queue.ts';
export type { Submitted } from './jobs/queue.ts';
export type { SubmitOptions } from './jobs/queue-options.ts';
export { Worker } from './jobs/worker.ts';
export type { WorkerEvent, WorkerOptions, WorkerSummary } from './jobs/worker.ts';
export { jobPreparer } from './jobs/prepare-job.ts';
export type { PreparedJob } from './jobs/prepare-job.ts';
export type { BatchResult, Job, JobState, RenderResult } from './jobs/job-record.ts';
export { Studio } from './jobs/studio.ts';

export { trainPart as train } from './training/train.ts';
export type { TrainedPart, TrainRequest } from './training/train.ts';
export type { TrainingProgress } from './training/loop.ts';

// A model opened on an engine: conditions, velocity, frames.
export { Pipeline } from './jobs/pipeline.ts';
export type { PromptConditions } from './jobs/pipeline.ts';
export type { OpenVelocity } from './jobs/open-velocity.ts';
export { resolveRequest, schedulerOf } from './jobs/resolve-request.ts';
export type { Render } from './jobs/resolve-request.ts';

// Compressor: video [B,3,T,H,W] in [-1,1] <-> latents [B,C,T',H',W'].
export { openAutoencoder } from './compressor/open-autoencoder.ts';
export type { Autoencoder, AutoencoderOptions, EncodedClip } from './compressor/open-autoencoder.ts';
export { decode, encode } from './compressor/autoencoder.ts';
export { parseAutoencoderConfig } from './compressor/config.ts';
export type { AutoencoderConfig } from './compressor/config.ts';
export { checkClipSize, clipSize, latentShape, nearestSizes } from './compressor/sizes.ts';
export type { ClipSize } from './compressor/sizes.ts';
export { denormalizeLatents, normalizeLatents } from './compressor/statistics.ts';

// Diffusion transformer: latents and conditions -> velocity, and the samplers that follow it.
export { velocity } from './dit/transformer.ts';
export type { VelocityInputs } from './dit/transformer.ts';
export { parseTransformerConfig } from './dit/config.ts';
export type { TransformerConfig } from './dit/config.ts';
export { openDenoiser } from './dit/denoiser.ts';
export type { Condition, Denoiser, DenoiserOptions } from './dit/denoiser.ts';
export { cachedVelocity, fastPreset } from './dit/step-cache.ts';
export type { CachedVelocity, StepCacheOptions } from './dit/step-cache.ts';
export { expertsByNoise, guide, guidedVelocity } from './dit/guidance.ts';
export type { Guidance, Velocity } from './dit/guidance.ts';
export { initialNoise } from './dit/noise.ts';
export { sampleLatents } from './dit/sample.ts';
export type { SampleOptions, Snapshot, StepReport } from './dit/sample.ts';
export { createScheduler, parseSchedulerConfig, samplerConfig, samplerNames } from './dit/scheduler-config.ts';
export type { SamplerName, SchedulerConfig } from './dit/scheduler-config.ts';
export type { Scheduler, SchedulerState } from './dit/scheduler.ts';
export { flowMatchingLoss } from './dit/loss.ts';

// Conditioning: words and pictures -> states.
export { openTextEncoder, parseTextEncoderConfig, wordMask } from './conditioning/text-states.ts';
export type { PromptEncoder, TextEncoderSource } from './conditioning/text-states.ts';
export { openTokenizer } from './conditioning/tokenizer.ts';
export type { TextTokenizer } from './conditioning/tokenizer.ts';
export { folderStateCache, memoryStateCache } from './conditioning/state-cache.ts';
export { clipTextEmbeds, clipTextStates, parseClipTextConfig, pooledPositions } from './conditioning/clip-text.ts';
export { clipImageEmbeds, clipVisionStates, parseClipVisionConfig } from './conditioning/clip-vision.ts';

// Bytes <-> tensors.
export { findFfmpeg } from './io/ffmpeg.ts';
export type { FfmpegTools } from './io/ffmpeg.ts';
export { collectFrames, framesToTensor, tensorToFrames } from './io/frames.ts';
export type { Frames } from './io/frames.ts';
export { openModelFolder } from './io/model-folder.ts';
export type { ModelComponent, ModelFolder } from './io/model-folder.ts';
export { probeVideo } from './io/probe-video.ts';
export { readVideo } from './io/read-video.ts';
export { openSafetensors, readTensor, writeSafetensors } from './io/safetensors.ts';
export { writeVideo } from './io/write-video.ts';
export type { WriteOptions, WrittenVideo } from './io/write-video.ts';

// The engine: graphs of tensors, their gradients, where they run.
export * as ops from './graph/build.ts';
export { adamDefaults, adamStep, flatLayout, initialState, views } from './graph/adamw.ts';
export type { AdamState, FlatLayout } from './graph/adamw.ts';
export { compile } from './graph/compile.ts';
export type { CompiledGraph } from './graph/compile.ts';
export { fetched, localEngine } from './graph/engine.ts';
export type { Engine, Session } from './graph/engine.ts';
export { childEngine } from './graph/child-engine.ts';
export type { ChildEngine } from './graph/child-engine.ts';
export { gradients } from './graph/gradients.ts';
export { parameterScope } from './graph/parameters.ts';
export type { Parameters, ParameterScope, ParameterSpec } from './graph/parameters.ts';
export { floats, tensor } from './graph/tensor.ts';
export type { Tensor } from './graph/tensor.ts';
export { weightsFrom } from './graph/weights.ts';
export type { Weights } from './graph/weights.ts';

// What can go wrong.
export { InvalidRequestError, JobFailedError, ModelFileError, ShapeError, TesseraError } from './graph/errors.ts';
