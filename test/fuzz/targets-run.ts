/** What an organiser or a stranger hands over by hand: settings, links, traces, a run's folder. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateKeyPairFromSeed, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import {
  type CoordinatorEvent,
  type CoordinatorState,
  initialState,
  step,
} from '../../coordinator/index.ts'
import { restore, snapshot } from '../../coordinator/snapshot.ts'
import { parseHours } from '../../node/guest/hours.ts'
import { readIdentity } from '../../node/network/identity-file.ts'
import { announcedAddress, pageAddress, parseFragment, parseLink } from '../../node/network/link.ts'
import { readManifest } from '../../node/run/read-manifest.ts'
import { replay } from '../../node/run/replay.ts'
import { fromAxolotl } from '../../node/setup/from-axolotl.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { StorageError } from '../../node/storage/errors.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import {
  ConfigError,
  concatBytes,
  decode,
  decodeRunConfig,
  FrameDecoder,
  frameHeader,
  PROTOCOL_VERSION,
  ProtocolError,
  runIdOf,
} from '../../protocol/index.ts'
import { parseTrace } from '../../simulations/traces/parse-trace.ts'
import { digestOfText, exampleConfig, PAYLOAD_BYTES } from '../protocol/example-config.ts'
import { exampleContribution, exampleManifest } from '../protocol/example-messages.ts'
import { pack } from '../vectors/message-pack.ts'
import { folderOfThread } from './folder.ts'
import { type Target, textBytes, textOf } from './target.ts'

const PEER = '12D3KooWGjMCwCzkyMKpEwCqSsMr9YQaLxxzGqQnTqKQpUqXXz7v'
/** A key of libp2p, of Ed25519, as its protobuf. */
const KEY = privateKeyToProtobuf(
  await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(1)),
)
const ADDRESSES = [`/ip4/192.168.1.7/tcp/4001/p2p/${PEER}`, `/dns4/a.b/tcp/1/ws/p2p/${PEER}`]
const packed = (value: unknown): Uint8Array => Uint8Array.from(pack(value))

const YAML = `# a run
base_model: embedded
datasets:
  - path: stories
    type: completion
  - path: &p chats.jsonl
    type: chat_template
sequence_len: 64
micro_batch_size: 2
lora_r: 8
lora_alpha: 16.5
num_epochs: 2
learning_rate: 1e-3
name: stories
swarm: { round_seconds: 60, members_max: 10 }
`
const AXOLOTL = `base_model: HuggingFaceTB/SmolLM2-135M
adapter: lora
lora_r: 8
lora_alpha: 16
lora_target_modules: [q_proj, v_proj]
datasets:
  - path: mhenrichsen/alpaca_2k_test
    type: alpaca
val_set_size: 0.05
num_epochs: 1
micro_batch_size: 2
learning_rate: 0.0002
`
const TRACE = `volunteer,start,end,how,step_ms,up_mbit,down_mbit,latency_ms
ann,0,3600,leave,9000,8,40,25
ben,120.5,900
ann,4000,5000,sleep
`
const NODE_EVENTS = '# event_id\n0\t0\t7\t0\tn7\t1\t1700000000\t1700003600\t0\n'
const CLIENTS = '{"1":{"active":[0,7200],"inactive":[3600,9000],"finish_time":172800}}'

function text(name: string, seeds: readonly string[], read: (text: string) => unknown): Target {
  return {
    name,
    seeds: () => seeds.map(textBytes),
    read: (input) => read(textOf(input)),
    throws: [ConfigError],
  }
}

const config = exampleConfig()
const runId = runIdOf(config)
const state = () =>
  initialState(config, runId, { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES })

const JOIN = {
  type: 'request',
  at: 1,
  peer: PEER,
  requestId: 0,
  request: {
    type: 'join',
    version: PROTOCOL_VERSION,
    runId: null,
    session: 1,
    name: 'ann',
    software: 'test',
  },
  genuine: true,
  origin: 'there',
  block: 'near there',
}

function leaseEvent(at: number) {
  const { base } = state().round.start
  return { ...JOIN, at, request: { type: 'lease', round: 0, base, stepMs: null } }
}

const COMMIT = {
  ...JOIN,
  request: { type: 'commit', contribution: exampleContribution, signature: new Uint8Array(64) },
}
const STARTED = { type: 'started', at: 0, coinKey: digestOfText('coin') }
const EVENTS = [
  [STARTED, JOIN, leaseEvent(2), { type: 'tick', at: 1e6 }],
  [STARTED, JOIN, COMMIT, { type: 'payload-stored', at: 3, leaseId: 0 }],
  [
    STARTED,
    { type: 'evaluated', at: 1, round: 0, loss: 2 },
    JOIN,
    { type: 'disconnected', at: 2, peer: PEER },
    { ...JOIN, request: { type: 'leave', reason: 'enough' } },
  ],
]

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value])

function readJournal(input: Uint8Array): void {
  const frames = new FrameDecoder()
  frames.push(input)
  const bodies: Uint8Array[] = []
  for (let body = next(frames); body !== null; body = next(frames)) bodies.push(body)
  replay(state(), {
    read: () => bodies.map((body, index) => ({ seq: index + 1, body, chain: '' })),
  })
}

/** An entry that was cut off is none: the length that says so is no part of a journal. */
function next(frames: FrameDecoder): Uint8Array | null {
  return frames.nextBytes > frames.bufferedBytes ? null : frames.next(2 ** 20)
}

async function readKey(input: Uint8Array): Promise<void> {
  const file = join(folderOfThread(), 'identity.key')
  writeFileSync(file, input)
  await readIdentity(file)
}

/** A member who holds a lease, so that each list of the state has something in it. */
function playedState(): CoordinatorState {
  const played = state()
  for (const event of EVENTS[0]!) step(played, event as CoordinatorEvent)
  return played
}

export const RUN_TARGETS: readonly Target[] = [
  text('run-yaml', [YAML], (source) => parseRunYaml(source, 'run.yaml')),
  text('axolotl', [AXOLOTL, YAML], (source) => fromAxolotl(source, 'axolotl.yml')),
  text('trace', [TRACE, NODE_EVENTS, CLIENTS], (source) => parseTrace(source, { file: 'trace' })),
  text('link', [`barnraise:${ADDRESSES.join(',')}#0123456789abcdef.t%20k`], (given) => {
    for (const address of parseLink(given).addresses) pageAddress(address)
  }),
  text('link-fragment', ['0123456789abcdef.t%C3%A9k', `${digestOfText('run')}.`], parseFragment),
  text(
    'announce',
    ['/dns4/a.example/tcp/443/tls/ws', 'https://a.example:8443/x', '/ip6/::1/tcp/1'],
    announcedAddress,
  ),
  text('hours', ['22-7', '12:30-13:30'], parseHours),
  {
    name: 'run-config',
    seeds: () => [config],
    write: packed,
    read: decodeRunConfig,
    throws: [ProtocolError],
  },
  {
    name: 'manifest',
    seeds: () => [{ manifest: exampleManifest, signature: new Uint8Array(64) }],
    write: packed,
    read: (input) =>
      readManifest(
        Object.assign(createMemoryBlobStore(), { read: async () => input }),
        digestOfText('it'),
      ),
    throws: [ProtocolError],
  },
  {
    name: 'snapshot',
    seeds: () => [decode(snapshot(playedState()), 2 ** 20)],
    write: packed,
    read: restore,
    throws: [ProtocolError],
  },
  {
    name: 'identity-file',
    seeds: () => [KEY],
    read: readKey,
    throws: [ConfigError],
  },
  {
    name: 'journal',
    mayRefuseSeeds: true,
    seeds: () => EVENTS,
    // An entry each, so that one that changed meets the state that those before it made.
    write: (events) =>
      concatBytes(
        ...list(events).flatMap((event) => [frameHeader(packed(event).length), packed(event)]),
      ),
    read: readJournal,
    throws: [StorageError],
  },
]
