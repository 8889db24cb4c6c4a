/** What a GGUF says of where it comes from: the names that llama.cpp shows, and our digests. */
import type { GgufValue } from '../model/gguf-format.ts'
import type { RunSummary } from './takeaway.ts'

export interface GgufOrigin extends Pick<RunSummary, 'name' | 'runId' | 'adapterDigest'> {
  base: Pick<RunSummary['base'], 'name' | 'digest' | 'license'>
}

export function ggufOrigin(run: GgufOrigin): [key: string, value: GgufValue][] {
  const text = (value: string): GgufValue => ({ type: 'string', value })
  return [
    ['general.name', text(run.name)],
    ['general.license', text(run.base.license)],
    ['general.base_model.count', { type: 'u32', value: 1 }],
    ['general.base_model.0.name', text(run.base.name)],
    ['barnraise.run_id', text(run.runId)],
    ['barnraise.adapter_sha256', text(run.adapterDigest)],
    ['barnraise.base_sha256', text(run.base.digest)],
  ]
}
