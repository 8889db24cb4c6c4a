/** A Llama that is large to move and quick to train: random weights, the embedded base's words. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { weightTensors } from '../../kernels/weights.ts'
import { copyCompanions, EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { parseModelConfig } from '../../node/model/config.ts'
import { encodeSafetensors } from '../../node/model/safetensors.ts'
import { nextFraction, prng } from '../../protocol/prng.ts'

/** Eleven million parameters, in float32. */
const SIZES = {
  hidden_size: 640,
  intermediate_size: 1792,
  num_hidden_layers: 2,
  head_dim: 64,
  num_attention_heads: 10,
  num_key_value_heads: 5,
  dtype: 'float32',
}
/** Weights of small numbers that no compression of a transport makes smaller. */
const AMPLITUDE = 0.04

/** Writes it into a folder; returns how many bytes its weights are. */
export async function writeLargeModel(folder: string): Promise<number> {
  const embedded = JSON.parse(await readFile(join(EMBEDDED_MODEL, 'config.json'), 'utf8'))
  const config = Buffer.from(JSON.stringify({ ...embedded, ...SIZES }))
  const random = prng(1)
  const tensors = weightTensors(parseModelConfig(config).shape).map(({ name, shape }) => {
    const count = shape.reduce((product, size) => product * size, 1)
    const center = name.includes('norm') ? 1 : 0
    const values = Float32Array.from(
      { length: count },
      () => center + AMPLITUDE * (nextFraction(random) - 0.5),
    )
    return { name, shape, values }
  })
  const weights = encodeSafetensors(tensors, {})
  await writeFile(join(folder, 'config.json'), config)
  await writeFile(join(folder, 'model.safetensors'), weights)
  await copyCompanions(EMBEDDED_MODEL, folder)
  return weights.length
}
