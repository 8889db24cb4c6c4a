/**
 * What the processes of a run take of a machine's memory, at their most: more than the linear
 * memory of the kernels, which `planMemory` knows to the byte.
 *
 * The constants were measured on Linux (resident memory at its highest, Node 26 with tsx; the
 * embedded base and a Llama of 135 million parameters in bfloat16 and in 8 bits): the sums are
 * within 10 % of what a host and volunteers took.
 */
import {
  type AdapterLayout,
  adapterLayout,
  fitMemory,
  generatorBytes,
  planMemory,
} from '../../kernels/index.ts'
import type { RunConfig } from '../../protocol/index.ts'
import { jobOf } from '../compute/job.ts'

/** Node, V8's young generation, this program and its network, with one compute thread. */
const PROGRAM_BYTES = 290e6
/** A further compute thread has a V8 of its own. */
const THREAD_BYTES = 30e6
/** Copies of the adapter: the one of the round, the update, what is sent. */
const ADAPTER_COPIES = 3
/** The thread that reads the data, before any is read. */
const READER_BYTES = 30e6
/** Copies of the data while it is cut into shards: ids of 4 bytes, flags, texts. */
const DATA_COPIES = 4

export interface ProcessMemory {
  /** A volunteer on one core, with everything kept that makes it fast, and what it scores with. */
  volunteerBytes: number
  /** And for each further core. */
  coreBytes: number
  /** The least, with layers that run forward twice. */
  volunteerBytesMin: number
  /** The coordinator, which reads the data, measures and merges. */
  hostBytes: number
}

export function processMemory(config: RunConfig): ProcessMemory {
  const { base, adapter, dataset, scoring } = config
  const job = jobOf(config)
  const around =
    PROGRAM_BYTES + base.weights.bytes + adapterBytes(adapterLayout(base.shape, adapter))
  const full = planMemory(job).bytes
  const shardBytes = dataset.trainShards.reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    volunteerBytes: around + full + (scoring?.asked === undefined ? 0 : readerBytes(config)),
    coreBytes: planMemory({ ...job, threads: 2 }).bytes - full + THREAD_BYTES,
    volunteerBytesMin: around + fitMemory(job, 0).bytes,
    hostBytes: around + full + READER_BYTES + DATA_COPIES * shardBytes + scorerBytes(config),
  }
}

/** A second thread of the host reads and writes with the base. */
function scorerBytes(config: RunConfig): number {
  return config.scoring === undefined ? 0 : THREAD_BYTES + readerBytes(config)
}

/** A copy of the base that scores. */
function readerBytes({ scoring, base, adapter, kernels }: RunConfig): number {
  const shape = { model: base.shape, adapter, kernels, contextMax: scoring!.contextTokens }
  return generatorBytes(shape)
}

const adapterBytes = ({ count }: AdapterLayout): number =>
  ADAPTER_COPIES * count * Float32Array.BYTES_PER_ELEMENT
