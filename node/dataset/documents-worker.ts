/** The thread of documents.ts. */
import { serveWork } from '../bounded-work.ts'
import type { DocumentsTask } from './documents.ts'
import { documentsAt } from './sources.ts'

void serveWork(({ path, folder }: DocumentsTask, tell) => documentsAt(path, folder, tell))
