/**
 * Work that may yet be repeated. Whoever repeats it has to do it: until that is over, nobody else
 * is told what its maker found, nor whether and how it is repeated.
 */
import type { Digest, LeaseId } from '../protocol/index.ts'
import type { CoordinatorState } from './state.ts'

/** Leases that are open, and those of open audits; none when the run is over: audits lapse then. */
export function unsettledLeases({ phase, leases, audits }: CoordinatorState): Set<LeaseId> {
  if (phase === 'finished') return new Set()
  return new Set([...leases.keys(), ...Array.from(audits.values(), ({ leaseId }) => leaseId)])
}

/** Whether it is the manifest of a merge with work in it that may yet be repeated. */
export function isUnsettledManifest(state: CoordinatorState, digest: Digest): boolean {
  const { phase, audits, history } = state
  if (phase === 'finished') return false
  const rounds = Array.from(audits.values(), ({ start }) => start.round)
  const first = rounds.reduce((least, round) => Math.min(least, round), history.length)
  return history.slice(first).some(({ manifest }) => manifest.digest === digest)
}
