/** WebDriver BiDi: commands out, results in, matched by their number; events as they come. */

export interface BiDi {
  /** @throws Error with what the browser answered */
  send(method: string, params: object): Promise<object>
  /** What was subscribed to and has come, the oldest first. */
  events: readonly LogEntry[]
}

/** What is asked for here of an event. */
interface LogEntry {
  level?: string
  text?: string
}

type Message =
  | { type: 'success'; id: number; result: object }
  | { type: 'error'; id: number; message: string }
  | { type: 'event'; params: LogEntry }

export async function openBiDi(address: string): Promise<BiDi> {
  const socket = new WebSocket(address)
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error(`Cannot connect to ${address}`))
  })
  const events: LogEntry[] = []
  const waiting = new Map<number, (answer: Exclude<Message, { type: 'event' }>) => void>()
  socket.onmessage = ({ data }) => {
    const message: Message = JSON.parse(String(data))
    if (message.type === 'event') events.push(message.params)
    else waiting.get(message.id)?.(message)
  }
  let id = 0
  const send = (method: string, params: object) =>
    new Promise<object>((resolve, reject) => {
      id += 1
      waiting.set(id, (answer) => {
        if (answer.type === 'success') resolve(answer.result)
        else reject(new Error(`${method}: ${answer.message}`))
      })
      socket.send(JSON.stringify({ id, method, params }))
    })
  return { send, events }
}
