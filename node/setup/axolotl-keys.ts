/**
 * What axolotl's keys mean here: which are the same, which have no effect, and which would change
 * what is learned.
 * Source: axolotl, docs/config-reference, and its defaults in src/axolotl/utils/schemas.
 */
import type { Kind } from '../dataset/kinds.ts'
import type { RunYamlInput } from './run-keys.ts'

/** Same name, same meaning. */
export const SAME: ReadonlySet<string> = new Set([
  'base_model',
  'load_in_8bit',
  'load_in_4bit',
  'val_set_size',
  'sequence_len',
  'lora_r',
  'lora_alpha',
  'lora_target_modules',
  'lora_target_linear',
  'peft_layers_to_transform',
  'peft_use_rslora',
  'peft_use_dora',
  'loraplus_lr_ratio',
  'neftune_noise_alpha',
  'micro_batch_size',
  'gradient_accumulation_steps',
  'num_epochs',
  'max_steps',
  'early_stopping_patience',
  'learning_rate',
  'warmup_ratio',
  'weight_decay',
  'max_grad_norm',
  'adam_beta1',
  'adam_beta2',
  'adam_epsilon',
  'seed',
  'output_dir',
  'sample_packing',
  'excess_length_strategy',
  'train_on_inputs',
  'dataset_exact_deduplication',
  'curriculum_sampling',
])

/** What axolotl takes where a file does not say it, and Barnraise would take otherwise. */
export const AXOLOTL_DEFAULTS = {
  sequence_len: 512,
  micro_batch_size: 1,
  lr_scheduler: 'cosine',
  cosine_min_lr_ratio: 0,
  adam_beta2: 0.999,
} as const satisfies Partial<RunYamlInput>

/** What is about their machine, their logs, or their way to compute the same. */
export const ELSEWHERE: readonly [pattern: RegExp, reason: string][] = [
  [
    /^(bf16|fp16|tf32|float16|bfloat16|bnb_config_kwargs|lora_(mlp|qkv|o)_kernel)$/,
    'numbers are as the base stores them, and kernels are our own',
  ],
  [/^(\w+_attention|flash_attn\w*|attn_implementation|torch_compile\w*)$/, 'kernels are our own'],
  [
    /^(gradient_checkpointing\w*|low_cpu_mem_usage)$/,
    'each volunteer fits the job into its memory',
  ],
  [
    /^(deepspeed|fsdp\w*|ddp\w*|local_rank|device_map|tensor_parallel_size|gpu_memory_limit)$/,
    'volunteers share it',
  ],
  [
    /^(wandb_|mlflow_|comet_|trackio_|use_tensorboard|logging_steps)/,
    'see metrics.jsonl and tensorboard/',
  ],
  [
    /^(save_|saves_per|eval_(?!sample)|evals_per|load_best_model|auto_resume)/,
    'every round is kept and evaluated, and the best is what is taken',
  ],
  [/^(loss_watchdog_|resume_from)/, 'a run goes on where it stands, and the page shows its losses'],
  [/^loraplus_lr_embedding$/, 'embeddings are not trained'],
  [/^(hub_|push_)/, 'publish an export yourself'],
  [/^(dataset_prepared_path|dataset_processes|dataloader_)/, 'shards are ours'],
  [
    /^(model_type|tokenizer_type|is_\w+_derived_model|trust_remote_code|base_model_config)$/,
    'the base tells',
  ],
  [
    /^(pad_to_sequence_len|group_by_length|eval_sample_packing|strict|debug|liger_\w+)$/,
    'it changes the time that training takes, not what is learned',
  ],
  [
    /^((include_)?tokens_per_second|profiler_steps|ray_\w+|use_ray)$/,
    'it changes nothing that is learned here',
  ],
  [
    /^shuffle_(merged|before_merging)_datasets$/,
    "all data is shuffled by 'seed', unless 'curriculum_sampling' is set",
  ],
]

const ADAMW = [
  'adamw_torch',
  'adamw_torch_fused',
  'adamw_hf',
  'adamw_bnb_8bit',
  'adamw_8bit',
  'paged_adamw_8bit',
  'paged_adamw_32bit',
]

/** Values that mean what happens here anyway; any other would change what is learned. */
export const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  greater_is_better: [false],
  peft_layers_pattern: ['layers', ['layers'], []],
  lora_fan_in_fan_out: [false],
  lora_modules_to_save: [[]],
  optimizer: ADAMW,
  roles_to_train: [['assistant'], ['assistant', 'gpt'], ['gpt']],
  train_on_eos: ['turn'],
}

/** The same for the keys of a dataset. */
export const DATASET_NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  train_on_inputs: [false],
  trust_remote_code: [true, false],
  chat_template: ['tokenizer_default'],
  field_instruction: ['instruction'],
  field_input: ['input'],
  field_output: ['output'],
  template_thinking_key: ['reasoning_content', 'thinking'],
}

export const TYPES: Readonly<Record<string, Kind>> = {
  'sharegpt:chat': 'sharegpt',
  pretrain: 'completion',
}
