/** A stand-in of a mirror on loopback: a web server with one file, and faults. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** What it does with a request for the file. */
export type MirrorFault =
  /** Sends so many bytes, and breaks the connection; once. */
  | { cutAfter: number }
  /** Sends it from its start, up to a chunk more each time, and breaks the connection. */
  | { creepsBy: number }
  /** Sends the file up to this byte, and then nothing. */
  | { hangsAfter: number }
  /** Sends it up to this byte, and ends as if that were all. */
  | { endsAfter: number }
  | { status: number; location?: string }
  | 'no ranges'

export interface MirrorServer {
  /** The address of a folder that has the file under any name. */
  url: string
  /** Path and range of each request. */
  asked: string[]
}

export async function mirrorServer(
  file: Uint8Array,
  ...faults: MirrorFault[]
): Promise<MirrorServer> {
  const asked: string[] = []
  let crept = 0
  const server = createServer(({ url = '', headers }, response) => {
    asked.push(`${url.split('/').at(-1)} ${headers.range ?? 'all'}`)
    const fault = faults[0]
    // The others are its ways.
    if (typeof fault === 'object' && 'cutAfter' in fault) faults.shift()
    if (typeof fault === 'object' && 'creepsBy' in fault) {
      crept += fault.creepsBy
      const end = file.subarray(0, crept)
      response.writeHead(200, { 'content-length': file.length })
      response.write(end, () => setTimeout(() => response.destroy(), 100))
    } else answer(response, file, headers.range ?? null, fault)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/bases`, asked }
}

function answer(
  response: ServerResponse,
  file: Uint8Array,
  range: string | null,
  fault: Exclude<MirrorFault, { creepsBy: number }> | undefined,
): void {
  if (typeof fault === 'object' && 'status' in fault) {
    const { status, location } = fault
    response.writeHead(status, location === undefined ? {} : { location }).end('no base')
    return
  }
  const from = fault === 'no ranges' ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  const rest = file.subarray(from)
  const status = from > 0 ? 206 : 200
  if (typeof fault !== 'object') {
    response.writeHead(status, { 'content-length': rest.length }).end(rest)
  } else if ('endsAfter' in fault) {
    response.writeHead(status).end(file.subarray(from, fault.endsAfter))
  } else if ('hangsAfter' in fault) {
    response.writeHead(status).write(file.subarray(from, fault.hangsAfter))
  } else {
    response.writeHead(status, { 'content-length': rest.length })
    // A client loses what it has not read yet, so the break waits for it.
    response.write(rest.subarray(0, fault.cutAfter), () =>
      setTimeout(() => response.destroy(), 100),
    )
  }
}
