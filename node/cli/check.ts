/** `barnraise check run.yaml`: is it right, and what does it mean. */
import { dirname, resolve } from 'node:path'
import { payloadBytes } from '../../kernels/local-job.ts'
import { adapterLayout } from '../../kernels/lora.ts'
import { fitMemory, planMemory } from '../../kernels/plan.ts'
import { locateRun } from '../run/locate-run.ts'
import { planRun } from '../run/prepare-run.ts'
import { readRunYaml } from '../run/run-yaml.ts'
import { jobOf } from '../training/job.ts'
import { hubOf } from './hub.ts'
import { printJson, printTable } from './output.ts'
import { byteSize, createScreen } from './terminal.ts'

export async function check(file: string, options: { json?: boolean }): Promise<void> {
  const { yaml } = await readRunYaml(file)
  const hub = await hubOf(createScreen(process.stderr))
  const { config, runId, base, dataset } = await planRun(
    await locateRun(yaml, dirname(resolve(file)), hub),
  )
  base.close()
  const { training, adapter, aggregation } = config
  const layout = adapterLayout(config.base.shape, adapter)
  const job = jobOf(config)
  const [memory, least] = [planMemory(job), fitMemory(job, 0)]
  const uploadBytes = payloadBytes(training.mode, aggregation.uplink, layout)
  const shardBytes = config.dataset.trainShards.reduce((sum, { bytes }) => sum + bytes, 0)
  if (options.json) {
    const [memoryBytes, memoryBytesMin] = [memory.bytes, least.bytes]
    return printJson({ runId, config, memoryBytes, memoryBytesMin, uploadBytes, shardBytes })
  }
  printTable([
    ['run', `${config.name} (${runId.slice(0, 16)})`],
    ['base model', `${config.base.name}, ${byteSize(config.base.weights.bytes)}`],
    ['adapter', `rank ${adapter.adapterRank} on ${adapter.targets.join(', ')}: ${layout.count}`],
    ['text', `${dataset.documents} documents, ${dataset.tokens} tokens`],
    ['to train on', `${config.dataset.trainSequences} sequences`],
    ['held out', `${config.dataset.validationSequences} sequences`],
    ['run ends', `after ${training.batchesMax} batches or ${training.roundsMax} rounds`],
    ['frozen base', `${config.kernels.base}, multiplied as ${config.kernels.path}`],
    [
      'volunteer needs',
      `${byteSize(least.bytes)} of memory, for full speed ${byteSize(memory.bytes)}`,
    ],
    ['downloads once', `${byteSize(config.base.weights.bytes)}, and up to ${byteSize(shardBytes)}`],
    ['uploads a lease', byteSize(uploadBytes)],
  ])
}
