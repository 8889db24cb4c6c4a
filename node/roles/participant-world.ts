/** What a volunteer's effects are performed with: its platform, seen from its decisions. */
import type { Connection } from '@libp2p/interface'
import type { ParticipantEffect } from '../../coordinator/participant/index.ts'
import type { BlobReference, Notice, PeerId, RunId } from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import type { JobLimits } from '../compute/job.ts'
import type { StepProgress } from '../compute/task.ts'
import type { Log } from '../log.ts'
import type { BlobSource } from '../network/blob-sources.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { NewParticipantEvent } from './participant-shell.ts'
import type { SharedBase } from './share-base.ts'

export interface ParticipantWorld {
  peer: PeerId
  /** Base and data of runs; others here may share it, and clear it. */
  blobs: BlobStore
  compute: Compute
  limits: JobLimits
  /** May be moved in a day, both ways; null: as much as it takes. */
  dataBytesMax: number | null
  /** Puts the base into `blobs` where it is on this machine already. */
  findBase(base: BlobReference): Promise<void>
  /**
   * Who is asked for the base before the coordinator is.
   * @param mirrors those that it tells of, checked
   * @param connection the one to it
   */
  baseSources(mirrors: readonly string[], connection: Connection): BlobSource[]
  /** Begins to share the base with others of this network; null: this one does not. */
  shareBase(runId: RunId, base: BlobReference, connection: Connection): Promise<SharedBase | null>
  log: Log
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** Dials the coordinator and listens for notices until the connection ends. */
  connect(
    onNotice: (notice: Notice) => void,
  ): Promise<{ connection: Connection; ended: Promise<string> }>
  /** A connection broke that lasted so long, and that nobody here had given up. */
  onCut(connection: Connection, lastedMs: number): void
  feed(event: NewParticipantEvent): void
  onStep(progress: StepProgress): void
  onTransfer(progress: TransferProgress): void
  onExit(outcome: Extract<ParticipantEffect, { type: 'exit' }>): void
}

export interface TransferProgress {
  what: string
  done: number
  total: number
  /** Bytes since this was told last. */
  moved: number
}
