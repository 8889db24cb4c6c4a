/** The thread that cuts the general text: see read-general.ts. */
import { serveWork, type TellPiece } from '../bounded-work.ts'
import { openTokenizer } from '../model/open-tokenizer.ts'
import { generalSequences } from './general-sequences.ts'
import type { GeneralTask } from './read-general.ts'
import type { Sequences } from './shards.ts'

void serveWork(cut)

async function cut({ folder, config }: GeneralTask, tell: TellPiece): Promise<Sequences> {
  tell('general text', 0)
  return generalSequences(await openTokenizer(folder), config)
}
