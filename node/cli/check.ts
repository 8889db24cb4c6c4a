/** `barnraise check run.yaml`: is it right, and what does it mean. */
import { dirname, resolve } from 'node:path'
import { payloadBytes } from '../../kernels/local-job.ts'
import { adapterLayout } from '../../kernels/lora.ts'
import { planMemory } from '../../kernels/plan.ts'
import { planRun } from '../run/prepare-run.ts'
import { readRunYaml } from '../run/run-yaml.ts'
import { printJson, printTable } from './output.ts'
import { byteSize } from './terminal.ts'

export async function check(file: string, options: { json?: boolean }): Promise<void> {
  const { yaml } = await readRunYaml(file)
  const { config, runId, base, dataset } = await planRun(yaml, dirname(resolve(file)))
  base.close()
  const { training, adapter, aggregation } = config
  const layout = adapterLayout(config.base.shape, adapter)
  const memory = planMemory({
    model: config.base.shape,
    adapter,
    sequenceLength: config.dataset.sequenceLength,
    microBatch: training.microBatch,
    threads: 1,
    recompute: false,
    kernels: { base: 'float32', path: 'float32' },
  })
  const uploadBytes = payloadBytes(training.mode, aggregation.uplink, layout)
  const shardBytes = config.dataset.trainShards.reduce((sum, { bytes }) => sum + bytes, 0)
  if (options.json) {
    const { bytes: memoryBytes } = memory
    return printJson({ runId, config, memoryBytes, uploadBytes, shardBytes })
  }
  printTable([
    ['run', `${config.name} (${runId.slice(0, 16)})`],
    ['base model', `${config.base.name}, ${byteSize(config.base.weights.bytes)}`],
    ['adapter', `rank ${adapter.adapterRank} on ${adapter.targets.join(', ')}: ${layout.count}`],
    ['text', `${dataset.documents} documents, ${dataset.tokens} tokens`],
    ['to train on', `${config.dataset.trainSequences} sequences`],
    ['held out', `${config.dataset.validationSequences} sequences`],
    ['run ends', `after ${training.batchesMax} batches or ${training.roundsMax} rounds`],
    ['volunteer needs', `${byteSize(memory.bytes)} of memory`],
    ['downloads once', `${byteSize(config.base.weights.bytes)}, and up to ${byteSize(shardBytes)}`],
    ['uploads a lease', byteSize(uploadBytes)],
  ])
}
