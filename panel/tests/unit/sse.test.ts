import { describe, expect, it } from 'vitest'
import { followStream, SseParser, type SseFrame, type StreamState } from '~/utils/sse'

describe('SseParser', () => {
  it('reads frames cut at any place', () => {
    const text = ': open\n\nid: 7\nevent: instance.started\ndata: {"a":1}\n\ndata: one\ndata: two\r\n\r\n: heartbeat\n\n'
    const whole = new SseParser().push(text)
    expect(whole).toEqual([
      { id: '7', event: 'instance.started', data: '{"a":1}' },
      { id: undefined, event: 'message', data: 'one\ntwo' },
    ])
    for (let size = 1; size < 9; size++) {
      const parser = new SseParser()
      const frames: SseFrame[] = []
      for (let at = 0; at < text.length; at += size) frames.push(...parser.push(text.slice(at, at + size)))
      expect(frames).toEqual(whole)
    }
  })
})

/** A server that answers each attempt with the next of these. */
function server(answers: (() => Response)[]) {
  const asked: (string | null)[] = []
  const serve = async (_url: unknown, init?: RequestInit) => {
    asked.push(new Headers(init?.headers).get('Last-Event-ID'))
    const next = answers.shift()
    if (!next) throw new TypeError('connection refused')
    return next()
  }
  return { asked, serve: serve as typeof fetch }
}

const events = (text: string) => () => new Response(text, { status: 200 })

async function run(answers: (() => Response)[], attempts: number) {
  const { asked, serve } = server(answers)
  const stop = new AbortController()
  const frames: SseFrame[] = []
  const states: StreamState[] = []
  const waits: number[] = []
  let lastId: string | undefined
  await followStream({
    url: () => '/events',
    lastId: () => lastId,
    signal: stop.signal,
    fetch: serve,
    wait: async (attempt) => {
      waits.push(attempt)
      if (waits.length >= attempts) stop.abort()
    },
    onState: state => states.at(-1) !== state && states.push(state),
    onFrame: (frame) => {
      frames.push(frame)
      lastId = frame.id ?? lastId
    },
  })
  return { asked, frames, states, waits }
}

describe('followStream', () => {
  it('resumes after the last event it saw', async () => {
    const { asked, frames, states } = await run([events('id: 1\ndata: a\n\nid: 2\ndata: b\n\n'), events('id: 3\ndata: c\n\n')], 2)
    expect(asked).toEqual([null, '2'])
    expect(frames.map(frame => frame.data)).toEqual(['a', 'b', 'c'])
    expect(states).toEqual(['connecting', 'live', 'reconnecting', 'live', 'reconnecting'])
  })

  it('waits longer with each failure, and starts over once it was live', async () => {
    const { waits } = await run([events(''), () => new Response('', { status: 503 }), () => new Response('', { status: 502 }), events('')], 5)
    expect(waits).toEqual([0, 1, 2, 0, 1])
  })

  it('ends when the server refuses for good, and says why', async () => {
    const refusal = () => new Response(JSON.stringify({ code: 'invalid_token', status: 401, title: 'x' }), { status: 401 })
    const { states, waits } = await run([refusal], 9)
    expect(states).toEqual(['connecting', 'ended'])
    expect(waits).toEqual([])
  })

  it('tries again when there are too many requests', async () => {
    const { states } = await run([() => new Response('{"code":"too_many_attempts","status":429}', { status: 429 }), events('')], 2)
    expect(states).toContain('live')
  })

  it('tells of everything it hears, heartbeats included, and of nothing once the server is gone', async () => {
    const heard: string[] = []
    const stop = new AbortController()
    const chunks = [': open\n\n', 'data: a\n\n', ': heartbeat\n\n'].map(text => new TextEncoder().encode(text))
    const body = new ReadableStream({
      pull(controller) {
        const next = chunks.shift()
        if (next) controller.enqueue(next)
        else controller.close()
      },
    }, { highWaterMark: 0 })
    const { serve } = server([() => new Response(body)])
    let waited = 0
    await followStream({
      url: () => '/', signal: stop.signal, fetch: serve, onState: () => {}, onFrame: frame => heard.push(frame.data), onPulse: () => heard.push('pulse'),
      wait: async () => (++waited > 3 ? stop.abort() : undefined),
    })
    expect(heard).toEqual(['pulse', 'a', 'pulse', 'pulse'])
  })

  it('gives a silent connection up', async () => {
    const stop = new AbortController()
    const silent = (async (_url: unknown, init?: RequestInit) => await new Promise((_, reject) => {
      init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
    })) as typeof fetch
    const states: StreamState[] = []
    await followStream({
      url: () => '/', signal: stop.signal, silenceMs: 5, fetch: silent, onFrame: () => {}, onState: state => states.push(state), wait: async () => stop.abort(),
    })
    expect(states).toContain('reconnecting')
  })
})
