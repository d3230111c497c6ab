// Serves the built panel as a Brain would, and passes /api on to a real one: `npm run preview`.
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../.output/public', import.meta.url))
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json',
}

/** A server for the built panel; `brain` is the origin of the Brain. */
export function servePanel(brain: string) {
  return createServer((incoming, answer) => {
    if (incoming.url?.startsWith('/api/')) pass(new URL(brain), incoming, answer)
    else sendFile(new URL(incoming.url ?? '/', 'http://panel').pathname, answer)
  })
}

function sendFile(path: string, answer: ServerResponse) {
  const wanted = join(ROOT, normalize(path))
  const found = wanted.startsWith(ROOT) && existsSync(wanted) && statSync(wanted).isFile()
  const file = found ? wanted : join(ROOT, 'index.html')
  answer.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'cache-control': path.startsWith('/_nuxt/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  createReadStream(file).pipe(answer)
}

function pass(brain: URL, incoming: IncomingMessage, answer: ServerResponse) {
  const { url: path, method, headers } = incoming
  const onward = request({ host: brain.hostname, port: brain.port, path, method, headers }, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers)
    reply.pipe(answer)
  })
  onward.on('error', () => answer.headersSent ? answer.destroy() : answer.writeHead(502).end())
  answer.on('close', () => onward.destroy())
  incoming.pipe(onward)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.env.PORT ?? 3000)
  servePanel(process.env.HYTOPUS_PANEL_BRAIN ?? 'http://127.0.0.1:8420').listen(port, '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${port}\n`)
  })
}
