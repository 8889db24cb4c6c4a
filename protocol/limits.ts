/** Every limit of the wire and of a run, in one place. Sizes are bytes, times are milliseconds. */

/** The version that all peers of a run speak; a change of any message or of the maths raises it. */
export const PROTOCOL_VERSION = 3

// Frames and messages.
/** A frame is a length (u32, big-endian) and that many bytes. */
export const FRAME_HEADER_BYTES = 4
/** A control message (request, reply, notice). */
export const MESSAGE_BYTES_MAX = 64 * 1024
/** How deep arrays and maps may nest in a message. */
export const MESSAGE_DEPTH_MAX = 8
/** The canonical bytes of a RunConfig, sent once in the reply to `join`. */
export const RUN_CONFIG_BYTES_MAX = 1024 * 1024
export const NAME_LENGTH_MAX = 64
export const REASON_LENGTH_MAX = 256
export const PEER_ID_LENGTH_MAX = 128
export const TOKEN_LENGTH_MAX = 256
export const INVITE_NAME_LENGTH_MAX = 32
export const SIGNATURE_BYTES = 64
/** Web addresses that a coordinator names for the base, and how long one is. */
export const MIRRORS_MAX = 8
export const MIRROR_LENGTH_MAX = 512
/** Addresses of a coordinator, in a link or as it tells them. */
export const ADDRESSES_MAX = 24
/** A multiaddr: a name of 253 characters, a relay's peer id and the coordinator's fit in. */
export const ADDRESS_LENGTH_MAX = 512

// Blobs.
export const BLOB_CHUNK_BYTES = 256 * 1024
/** The base of a model of 100 billion parameters in 4 bits, with room. */
export const BLOB_BYTES_MAX = 2 ** 36
/** What a volunteer sends up: no adapter of ours has as many scalars. */
export const PAYLOAD_BYTES_MAX = 2 ** 32 - 1
/** Chunk hashes of the largest blob, 32 bytes each, and the head of its manifest. */
export const BLOB_MANIFEST_BYTES_MAX = Math.ceil(BLOB_BYTES_MAX / BLOB_CHUNK_BYTES) * 32 + 1024
/** Uploads that a coordinator takes at the same time; the others wait for their `go`. */
export const UPLOAD_SLOTS = 64

// Patience.
export const REQUEST_TIMEOUT_MS = 30_000
/** Longest silence on any stream before it is reset. */
export const STREAM_IDLE_TIMEOUT_MS = 30_000
/** Longest wait for an upload slot. */
export const UPLOAD_SLOT_TIMEOUT_MS = 120_000
/** A connection that has not joined after this long is closed. */
export const JOIN_TIMEOUT_MS = 10_000
/** A notice is sent at least this often, so that silence means a dead link. */
export const HEARTBEAT_MS = 5_000
export const HEARTBEAT_TIMEOUT_MS = 20_000

// Runs.
export const MEMBERS_MAX = 65_536
/** Peers that a RunConfig may name. */
export const ALLOWED_MAX = 1_024
/** Invites of one run. */
export const INVITES_MAX = 4_096
/** Leases of one round, hence entries of its manifest. */
export const ROUND_LEASES_MAX = 4 * MEMBERS_MAX
/** Local steps in one lease; a contribution carries one digest a step. */
export const STEPS_MAX = 512
/** A mean loss, in nats; a step that ends above it has failed. */
export const LOSS_MAX = 1e6
export const BATCHES_MAX = 2 ** 31 - 1
export const ROUNDS_MAX = 100_000
/** What is left in theta of a part of a mean is at most outer rate · (1 + mu / (1 - mu)). */
export const CORRECTION_MAX = 100_001
export const SHARDS_MAX = 8_192
export const SEQUENCE_LENGTH_MAX = 32_768
export const BATCH_SEQUENCES_MAX = 1_024
export const ADAPTER_RANK_MAX = 256
export const LAYERS_MAX = 512
/** Linear layers that an adapter changes: seven in each layer. */
export const ADAPTED_MAX = 7 * LAYERS_MAX
export const VOCABULARY_MAX = 2 ** 20
export const HIDDEN_SIZE_MAX = 65_536
/** RoPE's divisors, one for every two numbers of a head, have to fit into a message. */
export const HEAD_SIZE_MAX = 1_024
/** Questions, and prompts to answer, that a run is scored on. */
export const SCORED_ROWS_MAX = 1_000
/** Tokens of one: prompt and longest choice, or prompt and what is written. */
export const SCORED_TOKENS_MAX = 4_096
export const CHOICES_MAX = 32
/** Rows that a volunteer scores at a time. */
export const SCORE_PIECE_MAX = 8
/** A score takes no longer: whoever waits for the end of a run waits for the last. */
export const SCORE_MS_MAX = 30 * 60_000
/** All of them, as a blob. */
export const SCORED_BYTES_MAX = 2 ** 26
/** Tokens that are written to answer one. */
export const ANSWER_TOKENS_MAX = 512
/** A local step takes between these; a volunteer's own figure outside them is not believed. */
export const STEP_MS_MIN = 1
export const STEP_MS_MAX = 3_600_000
