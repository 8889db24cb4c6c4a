/**
 * generation_config.json of what is taken home, with all that ends an answer: whoever writes with
 * the model stops where `chat` here does.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readCompanions } from '../model/base-model.ts'
import { boundedTokenizer } from '../model/bounded-tokenizer.ts'
import { modelTemplate } from '../model/chat-template.ts'
import { parseJson } from '../model/json.ts'
import { withStops } from '../model/stops.ts'

const FILE = 'generation_config.json'

/** Writes it only where the base's own names fewer. */
export async function writeStops(base: string, folder: string): Promise<void> {
  const companions = await readCompanions(base)
  const [tokenizer, config] = ['tokenizer.json', 'tokenizer_config.json'].map((name) =>
    companions.get(name),
  )
  const { stopIds } = withStops(
    boundedTokenizer(tokenizer!, config!),
    companions,
    modelTemplate(companions),
  )
  const bytes = companions.get(FILE)
  const known = bytes === undefined ? {} : parseJson(bytes, FILE, z.looseObject({}))
  const named = [known.eos_token_id ?? []].flat()
  if (bytes !== undefined && stopIds.every((id) => named.includes(id))) return
  const ids = stopIds.length === 1 ? stopIds[0] : stopIds
  const text = JSON.stringify({ ...known, eos_token_id: ids }, null, 2)
  await writeFile(join(folder, FILE), `${text}\n`)
}
