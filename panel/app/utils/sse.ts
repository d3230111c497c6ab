/** Server-sent events as text becomes frames (WHATWG HTML, section 9.2), and the stream that never gives up. */
import { ApiProblem, problemOf } from './problem'

export interface SseFrame {
  id?: string
  event: string
  data: string
}

/** Feeds on chunks cut anywhere. */
export class SseParser {
  private rest = ''
  private id: string | undefined
  private event = ''
  private data: string[] = []

  push(chunk: string): SseFrame[] {
    const lines = (this.rest + chunk).split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ''
    const frames: SseFrame[] = []
    for (const line of lines) {
      if (line !== '') this.field(line)
      else if (this.data.length) frames.push(this.finish())
    }
    return frames
  }

  private field(line: string) {
    if (line.startsWith(':')) return
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') this.data.push(value)
    else if (name === 'event') this.event = value
    else if (name === 'id') this.id = value
  }

  private finish(): SseFrame {
    const frame = { id: this.id, event: this.event || 'message', data: this.data.join('\n') }
    this.id = undefined
    this.event = ''
    this.data = []
    return frame
  }
}

export type StreamState = 'connecting' | 'live' | 'reconnecting' | 'ended'

export interface StreamOptions {
  /** The address for this attempt; called anew each time, so that it can carry where to resume. */
  url: () => string
  onFrame: (frame: SseFrame) => void
  onState: (state: StreamState, problem?: ApiProblem) => void
  /** The id to resume after, where the server takes `Last-Event-ID`. */
  lastId?: () => string | undefined
  /** Told whenever anything is heard, heartbeats included, once it has been handed over. */
  onPulse?: () => void
  signal: AbortSignal
  /** A stream that says nothing for so long (heartbeats included) is dead. */
  silenceMs?: number
  wait?: (attempt: number, signal: AbortSignal) => Promise<void>
  fetch?: typeof fetch
}

/** Follow a stream until the signal aborts, or the server refuses for good (then the state is `ended`). */
export async function followStream(options: StreamOptions): Promise<void> {
  const { signal, onState, wait = backOff } = options
  onState('connecting')
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await readOnce(options, () => {
        attempt = 0
        onState('live')
      })
    } catch (error) {
      if (signal.aborted) return
      const problem = problemOf(error)
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) return onState('ended', problem)
      onState('reconnecting', problem)
    }
    if (signal.aborted) return
    onState('reconnecting')
    await wait(attempt, signal)
  }
}

async function readOnce(options: StreamOptions, opened: () => void): Promise<void> {
  const stop = new AbortController()
  const end = () => stop.abort()
  options.signal.addEventListener('abort', end)
  let timer: ReturnType<typeof setTimeout> | undefined
  const alive = () => {
    clearTimeout(timer)
    timer = setTimeout(end, options.silenceMs ?? 40_000)
  }
  try {
    alive()
    const response = await request(options, stop.signal)
    opened()
    await readBody(response, options, alive)
  } finally {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', end)
    stop.abort()
  }
}

async function request(options: StreamOptions, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' }
  const lastId = options.lastId?.()
  if (lastId) headers['Last-Event-ID'] = lastId
  const response = await (options.fetch ?? fetch)(options.url(), { headers, signal, credentials: 'same-origin', cache: 'no-store' })
  if (response.ok) return response
  const body: unknown = await response.json().catch(() => null)
  throw problemOf(body ?? new ApiProblem({ code: 'unexpected', status: response.status }))
}

async function readBody(response: Response, { onFrame, onPulse }: StreamOptions, alive: () => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const parser = new SseParser()
  while (reader) {
    const { done, value } = await reader.read()
    if (done) return
    alive()
    parser.push(value).forEach(onFrame)
    onPulse?.()
  }
}

/** 0.5 s, doubling to 10 s, spread so that many panels do not return to a restarted Brain at the same instant. */
async function backOff(attempt: number, signal: AbortSignal): Promise<void> {
  const ms = Math.min(10_000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2)
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    }, { once: true })
  })
}
