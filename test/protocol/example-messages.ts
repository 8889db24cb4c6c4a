/**
 * One of each message, with every field at a telling value: the golden vectors are made of them.
 */
import type { BlobManifest } from '../../protocol/blob.ts'
import type { Manifest } from '../../protocol/envelope.ts'
import type { SignedInvite } from '../../protocol/invite.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import type {
  AuditAnswer,
  Contribution,
  Notice,
  Reply,
  Request,
  RoundStart,
} from '../../protocol/messages.ts'
import { blobNamed, digestOfText } from './example-config.ts'

const PEER = '12D3KooWGjMCwCzkyMKpEwCqSsMr9YQaLxxzGqQnTqKQpUqXXz7v'
const RUN = digestOfText('run')

export const exampleContribution: Contribution = {
  runId: RUN,
  round: 3,
  leaseId: 70_000,
  peer: PEER,
  base: digestOfText('base'),
  firstBatch: 129,
  steps: 2,
  tokens: 4_096,
  loss: 2.25,
  trace: [digestOfText('step 1'), digestOfText('step 2')],
  payload: blobNamed('payload'),
  stepMs: 1234.5,
}

export const exampleAnswer: AuditAnswer = {
  runId: RUN,
  leaseId: 70_001,
  peer: PEER,
  trace: [digestOfText('step 1'), digestOfText('step 2')],
  payload: null,
  tokens: null,
}

const first: RoundStart = {
  round: 0,
  base: digestOfText('base'),
  checkpoint: null,
  update: null,
  moment: null,
  learningRate: 0.001,
}

const later: RoundStart = {
  round: 4,
  base: digestOfText('adapter 4'),
  checkpoint: blobNamed('checkpoint'),
  update: blobNamed('update'),
  moment: blobNamed('moment'),
  learningRate: 0.1,
}

export const exampleRequests: Record<string, Request> = {
  'join any run': {
    type: 'join',
    version: PROTOCOL_VERSION,
    runId: null,
    token: '',
    session: 0,
    name: 'attic laptop',
    software: 'barnraise/0.1.0',
  },
  'join with a token': {
    type: 'join',
    version: PROTOCOL_VERSION,
    runId: RUN,
    token: 'letmein',
    session: 4_294_967_295,
    name: 'Jürgen’s 笔记本 🛖',
    software: 'barnraise/0.1.0',
  },
  lease: { type: 'lease', round: 0, base: digestOfText('base'), stepMs: null },
  'lease, timed': { type: 'lease', round: 3, base: digestOfText('base'), stepMs: 812.25 },
  commit: {
    type: 'commit',
    contribution: exampleContribution,
    signature: Uint8Array.from({ length: 64 }, (_, index) => index),
  },
  'audit, looked': {
    type: 'audit',
    answer: exampleAnswer,
    signature: Uint8Array.from({ length: 64 }, (_, index) => index),
  },
  'audit, in full': {
    type: 'audit',
    answer: { ...exampleAnswer, payload: digestOfText('payload'), tokens: 4_096 },
    signature: Uint8Array.from({ length: 64 }, (_, index) => index),
  },
  upload: { type: 'upload', leaseId: 70_000, payload: blobNamed('payload') },
  fail: { type: 'fail', leaseId: 70_000, cause: 'training', reason: 'a number is not finite' },
  status: { type: 'status' },
  leave: { type: 'leave', reason: 'the user pressed Ctrl+C' },
}

export const exampleReplies: Record<string, Reply> = {
  joined: { type: 'joined', runConfig: Uint8Array.of(0x81, 0xa1, 0x61, 0x01), start: first },
  'joined, with mirrors': {
    type: 'joined',
    runConfig: Uint8Array.of(0x81, 0xa1, 0x61, 0x01),
    start: first,
    mirrors: ['https://example.org/bases'],
  },
  leased: {
    type: 'leased',
    leaseId: 2 ** 32,
    round: 4,
    base: digestOfText('adapter 4'),
    firstBatch: 65_535,
    steps: 64,
    learningRate: 0.1,
    stopMs: 120_000,
    deadlineMs: 132_000,
  },
  'audit, a look': {
    type: 'audit',
    leaseId: 70_001,
    start: later,
    firstBatch: 129,
    kind: 'look',
    steps: 1,
    seed: digestOfText('seed'),
    deadlineMs: 24_000,
  },
  'audit in full': {
    type: 'audit',
    leaseId: 2 ** 32,
    start: later,
    firstBatch: 65_535,
    kind: 'full',
    steps: 64,
    seed: digestOfText('seed'),
    deadlineMs: 240_000,
  },
  wait: { type: 'wait', reason: 'the round is closing', retryMs: 250 },
  committed: { type: 'committed', leaseId: 255 },
  audited: { type: 'audited', leaseId: 70_001 },
  released: { type: 'released', leaseId: 255 },
  go: { type: 'go', leaseId: 256 },
  status: {
    type: 'status',
    status: {
      runId: RUN,
      name: 'example',
      phase: 'training',
      round: 4,
      roundsMax: 10,
      batchesCounted: 65_536,
      batchesMax: 100_000,
      countedTokens: 2 ** 33 + 1,
      base: digestOfText('adapter 4'),
      learningRate: 0.1,
      evaluations: [
        { round: 0, loss: 3.5 },
        { round: 4, loss: 3 },
      ],
      audits: { looks: 12, fulls: 2, mismatches: 1, lapsed: 0 },
      participantCount: 1,
      participants: [
        {
          peer: PEER,
          name: 'attic laptop',
          state: 'here',
          stepMs: null,
          leasedSteps: 8,
          credit: { tokens: 4_096, batches: 7, contributions: 2 },
          verifiedInARow: 3,
        },
      ],
    },
    own: { tokens: 2 ** 33, batches: 65_536, contributions: 300 },
  },
  goodbye: { type: 'goodbye' },
  refused: { type: 'refused', refusal: 'wrong-base', reason: 'round 4 starts from another base' },
}

export const exampleNotices: Record<string, Notice> = {
  round: { type: 'round', start: later },
  closing: { type: 'closing', round: 4 },
  revoked: { type: 'revoked', leaseId: 127, reason: 'its deadline has passed' },
  counted: { type: 'counted', leaseId: 128, tokens: 4_096 },
  work: { type: 'work' },
  wrong: { type: 'wrong', leaseId: 128, reason: 'others get another result for lease 128' },
  finished: {
    type: 'finished',
    round: 10,
    adapter: digestOfText('adapter 10'),
    reason: 'all 400 batches are counted',
  },
  addresses: {
    type: 'addresses',
    addresses: [
      `/dns/run.example.org/tcp/443/tls/ws/p2p/${PEER}`,
      `/ip4/192.0.2.7/tcp/4002/p2p/${PEER}/p2p-circuit/p2p/${PEER}`,
    ],
  },
  heartbeat: { type: 'heartbeat' },
}

export const exampleInvite: SignedInvite = {
  name: 'class-3b',
  expiresAt: 1_800_000_000,
  membersMax: 30,
  signature: new Uint8Array(64).fill(7),
}

export const exampleManifest: Manifest = {
  runId: RUN,
  round: 3,
  parent: digestOfText('manifest 2'),
  base: digestOfText('base'),
  adapter: digestOfText('adapter 4'),
  checkpoint: blobNamed('checkpoint'),
  update: blobNamed('update'),
  moment: null,
  outerState: blobNamed('outer'),
  outerScale: 0.5,
  learningRate: 0.1,
  merge: 'mean',
  corrections: [
    {
      round: 1,
      manifest: blobNamed('manifest 1'),
      leaseIds: [41, 47],
      theta: 1.372,
      momentum: 0.6,
    },
  ],
  contributions: [
    {
      leaseId: 70_000,
      peer: PEER,
      firstBatch: 129,
      steps: 2,
      tokens: 4_096,
      payload: blobNamed('payload'),
      weight: 3_072,
      clip: 0.75,
    },
  ],
}

export const exampleBlobManifest: BlobManifest = {
  digest: digestOfText('blob'),
  bytes: 300_000,
  chunkHashes: new Uint8Array(64).fill(7),
}

export const exampleTrace = {
  runId: RUN,
  round: 3,
  leaseId: 70_000,
  peer: PEER,
  base: digestOfText('base'),
}
