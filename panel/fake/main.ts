// A tiny Brain without nodes, for looking at the panel with very many instances: `npm run fake`, then `npm run preview`
// with HYTOPUS_PANEL_BRAIN=http://127.0.0.1:8499. COUNT instances, RATE state changes a second until somebody asks for
// /api/v1/pause, which answers with all states. Never part of the product.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EventOut, InstanceSummary, State } from '../app/api/types.gen.ts'

const COUNT = Number(process.env.COUNT ?? 5000)
const RATE = Number(process.env.RATE ?? 1000)
const PORT = Number(process.env.PORT ?? 8499)
const CYCLE: State[] = ['running', 'stopping', 'stopped', 'starting']

const now = () => new Date().toISOString()
const user = { id: 'u1', name: 'admin', role: 'admin', disabled: false, scope: { regions: [], tags: [] }, external: false, second_factor: false, created_at: now(), last_login_at: now() }
const instances: InstanceSummary[] = Array.from({ length: COUNT }, (_, index) => ({
  id: `i${String(index).padStart(5, '0')}`,
  name: `server-${String(index).padStart(5, '0')}`,
  game: index % 3 ? 'hytale' : 'luanti',
  state: 'running',
  state_since: now(),
  wanted: 'running',
  node: { id: `n${index % 40}`, name: `node-${index % 40}` },
  address: `10.0.0.${index % 40}:${30000 + index}`,
  metadata: {},
  players: index % 7,
  started_at: now(),
  created_at: now(),
  disk_over_since: null,
  problem: null,
}))
const streams = new Set<ServerResponse>()
let last = 0
let rate = RATE

/** One instance moves on to its next state. */
function change(): EventOut | undefined {
  const row = instances[Math.floor(Math.random() * COUNT)]
  if (!row) return undefined
  const from = row.state
  row.state = CYCLE[(CYCLE.indexOf(from) + 1) % CYCLE.length] ?? 'running'
  row.state_since = now()
  return {
    id: ++last,
    at: now(),
    kind: `instance.${row.state}`,
    subject_kind: 'instance',
    subject_id: row.id,
    actor_kind: 'system',
    actor_id: '',
    actor_name: 'Hytopus',
    message: `${row.name} is ${row.state}.`,
    data: { name: row.name, from, to: row.state, wanted: 'running', generation: 1, node_id: row.node?.id ?? null },
  }
}

setInterval(() => {
  if (!streams.size) return
  let text = ''
  for (let n = 0; n < rate / 20; n++) {
    const event = change()
    if (event) text += `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
  }
  for (const stream of streams) stream.write(text)
}, 50)

function page(items: unknown[], query: URLSearchParams) {
  const from = Number(query.get('cursor') ?? 0)
  const upto = from + Number(query.get('limit') ?? 100)
  return { items: items.slice(from, upto), next_cursor: upto < items.length ? String(upto) : null }
}

function answer(request: IncomingMessage, response: ServerResponse) {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake')
  const path = pathname.replace('/api/v1', '')
  if (path === '/events' && request.headers.accept?.includes('text/event-stream')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': open\n\n')
    streams.add(response)
    response.on('close', () => streams.delete(response))
    return
  }
  if (path === '/pause') {
    rate = 0
    const states = Object.fromEntries(instances.map(each => [each.name, each.state]))
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(states))
    return
  }
  const one = /^\/instances\/(\w+)$/.exec(path)
  const found = one ? instances.find(each => each.id === one[1]) : undefined
  const bodies: Record<string, unknown> = {
    '/me': { user, role: 'admin', token_id: 't1', scope: [], must_enrol: false, recovery_codes_left: 0 },
    '/login': { token: null, expires_at: now(), user },
    '/instances': page(instances, searchParams),
    '/status': { version: 'fake', nodes: {}, instances: {}, templates: 0, template_versions: 0 },
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found ?? bodies[path] ?? page([], searchParams)))
}

const server = createServer(answer).listen(PORT, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
