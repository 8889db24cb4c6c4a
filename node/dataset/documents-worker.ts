/** The thread of documents.ts. */
import { ConfigError } from '../../protocol/index.ts'
import { serveWork, type TellPiece } from '../bounded-work.ts'
import type { DocumentsTask } from './documents.ts'
import { documentsAt, ratedAt, ratedRowsAt } from './sources.ts'

void serveWork(read)

async function read({ path, folder, rl }: DocumentsTask, tell: TellPiece) {
  if ((await ratedAt({ path }, folder, tell)) === null) return documentsAt(path, folder, tell)
  if (rl !== null) return ratedRowsAt({ path, rl }, folder, tell)
  throw new ConfigError(
    `Cannot evaluate on '${path}' as its rows rate answers, and nothing says by which loss: give ` +
      "the folder of a run with 'rl', or a text",
  )
}
