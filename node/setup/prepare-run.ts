/** A plan written into the folder of a run, all of it but the journal. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeRunConfig } from '../../protocol/index.ts'
import { TEMPLATE_FILE } from '../model/chat-template.ts'
import type { RunFolder } from '../run/run-folder.ts'
import { createFileBlobStore } from '../storage/file-blob-store.ts'
import type { LocatedRun } from './locate-run.ts'
import { type RunPlan, withPlan } from './plan-run.ts'

/** @returns the plan, whose base is closed */
export function prepareRun(run: LocatedRun, folder: RunFolder): Promise<RunPlan> {
  return withPlan(run, async (plan) => {
    const { base, config, dataset, scored, start, template } = plan
    await mkdir(folder.base, { recursive: true })
    const blobs = await createFileBlobStore(folder.blobs)
    for (const bytes of dataset.blobs.values()) await blobs.put(bytes)
    if (scored !== null) await blobs.put(scored.blob)
    if (scored !== null && config.scoring?.asked !== undefined) await blobs.put(scored.asked)
    if (start !== null) await blobs.put(start.bytes)
    await blobs.putStream(base.pieces())
    for (const [name, bytes] of base.companions) await writeFile(join(folder.base, name), bytes)
    if (template !== null) await writeFile(join(folder.base, TEMPLATE_FILE), template)
    await writeFile(folder.yaml, run.source)
    // Last, because a folder with a RunConfig is a run.
    await writeFile(folder.config, encodeRunConfig(config))
    return plan
  })
}
