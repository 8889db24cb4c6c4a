/** Limits that one process sets for itself; what peers must agree on is in `protocol/limits.ts`. */

// Frames.
/** A stream is paused when this much waits to be read, and goes on when half of it is gone. */
export const BUFFERED_BYTES_HIGH = 1024 * 1024
export const BUFFERED_BYTES_LOW = BUFFERED_BYTES_HIGH / 2
/** Receive window of one stream: 10 MiB/s at 80 ms, more than a home uplink gives. */
export const STREAM_WINDOW_BYTES_MAX = 1024 * 1024
/**
 * libp2p resets a stream that holds more unread bytes; above the window, so that pausing never
 * does.
 */
export const STREAM_BUFFER_BYTES_MAX = 4 * 1024 * 1024

// Connections of a coordinator. A classroom or a reverse proxy is one address, so addresses
// count for little here; how many may come new from one is `coordinator/patience.ts`'s.
export const CONNECTIONS_MAX = 12_000
export const CONNECTIONS_PER_ADDRESS_AND_SECOND_MAX = 1_000
/** Sockets that have not finished their handshake. */
export const CONNECTIONS_PENDING_MAX = 500
export const HANDSHAKE_TIMEOUT_MS = 5_000
/** A liveness ping; libp2p's own 10 s cuts healthy peers once the event loop lags. */
export const PING_INTERVAL_MS = 60_000
export const PING_TIMEOUT_MS = 20_000
/** Longest wait for a sign of life from the older of two connections of a peer. */
export const SIGN_OF_LIFE_TIMEOUT_MS = 5_000
export const STREAMS_PER_CONNECTION_MAX = 64
/** Volunteers that a host takes through one relay. */
export const RELAYED_MAX = 1_024
/** Requests to the pages over libp2p: of one peer, and of all. */
export const HTTP_STREAMS_PER_PEER_MAX = 8
export const HTTP_STREAMS_MAX = 1_000
/** Peers that are dialled at the same time because they asked for it. */
export const DIAL_BACKS_MAX = 8
/** Those whom a relay brings together at the same time. */
export const INTRODUCTIONS_MAX = 64
/** Those whom a host dials at the same time because relays told it of them. */
export const PUNCHES_MAX = 16
/** A WebSocket message before the handshake is no larger than one Noise or yamux write. */
export const WEBSOCKET_MESSAGE_BYTES_MAX = 4 * 1024 * 1024

// What one peer may do at a time.
export const REQUESTS_PER_PEER_MAX = 8
export const UPLOADS_PER_PEER_MAX = 2
export const DOWNLOADS_PER_PEER_MAX = 4
/** Malformed, oversized, truncated or wrong messages after which a peer's connection is closed. */
export const FAULTS_MAX = 8

/** Notices that wait for a peer to read them; one more and it is disconnected. */
export const NOTICE_QUEUE_MAX = 64
/** Longest wait for the last notices to be taken when the coordinator stops. */
export const NOTICE_FLUSH_TIMEOUT_MS = 2_000
/** Downloads that are served at the same time; the others wait. */
export const DOWNLOAD_SLOTS = 64
/** How long a transfer keeps its place while others wait; it goes on later from where it was. */
export const TURN_MS = 20_000

// Whoever gives a blob more slowly is left for the next who has it.
export const SOURCE_BYTES_MIN = 1024 * 1024
export const SOURCE_PACE_MS = 10_000

// What a volunteer gives to others in its network.
/** Those who are served at the same time, and who may be connected: of all, and of one address. */
export const SHARED_AT_ONCE = 8
export const SHARED_AT_ONCE_PER_ADDRESS = 4
export const SHARING_CONNECTIONS_MAX = 64
export const SHARING_CONNECTIONS_PER_ADDRESS_MAX = 8
/** Whoever asks gives its proof at once; who gives none takes the place of another. */
export const SHARING_PROOF_TIMEOUT_MS = 5_000
/** What all of them get together is a part of what a network at home or in a school carries. */
export const SHARED_BYTES_PER_SECOND = 25e6
/** Volunteers whose words on the network are kept. */
export const NEIGHBOURS_MAX = 64

// Invites.
export const LINK_LENGTH_MAX = 4_096
