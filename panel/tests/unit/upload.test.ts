import { beforeEach, describe, expect, it } from 'vitest'
import { client } from '~/api/client.gen'
import { ApiProblem } from '~/utils/problem'
import { partSizeFor, ship, type PutPart, type Shipment } from '~/utils/upload'

/** A Brain that knows of uploads, in memory. */
class FakeBrain {
  requests: string[] = []
  signed: number[][] = []
  completed: unknown
  refuseCompletion = false

  readonly fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const request = input as Request
    const path = new URL(request.url).pathname.replace('/api/v1/templates/lobby/versions/1.0', '')
    this.requests.push(`${request.method} ${path}`)
    const body = request.method === 'POST' ? await request.json() as Record<string, never> : {}
    if (path === '/uploads') return this.json({ state: 'open', upload_id: 'u1', part_size: 4, parts: 3, s3_key: 'k', version: null }, 201)
    if (path === '/uploads/u1/parts') return this.sign((body as { parts: { number: number }[] }).parts)
    if (path === '/uploads/u1') return new Response(null, { status: 204 })
    if (this.refuseCompletion) return this.json({ code: 'version_exists', status: 409, detail: 'there' }, 409)
    this.completed = body
    return this.json({ version: '1.0' }, 201)
  }

  private sign(parts: { number: number }[]): Response {
    this.signed.push(parts.map(part => part.number))
    return this.json({ parts: parts.map(part => ({ number: part.number, url: `http://s3/${part.number}`, headers: {} })), expires_at: '' }, 200)
  }

  private json(value: unknown, status: number): Response {
    return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json' } })
  }
}

let brain: FakeBrain
const shipment: Shipment = {
  templateId: 'lobby', version: '1.0', archive: new Blob(['aaaabbbbcc']), format: 'tar', partSize: 4, description: { checksum: 'sum', parts: ['A', 'B', 'C'], files: 1, rules: {} },
}
const put: PutPart = async (part, body, sent) => {
  sent(body.size)
  return `"${part.number}:${await body.text()}"`
}

const outside = (way: PutPart = put) => ({ put: way, wait: async () => {} })

beforeEach(() => {
  brain = new FakeBrain()
  client.setConfig({ baseUrl: 'http://brain', fetch: brain.fetch })
})

describe('ship', () => {
  it('sends every part and completes with their tags in order', async () => {
    const progress: number[] = []
    const { sent } = await ship(shipment, bytes => progress.push(bytes), new AbortController().signal, outside())
    expect(sent).toBe(true)
    expect(brain.completed).toEqual({
      parts: [{ number: 1, etag: '"1:aaaa"', sha256: 'A' }, { number: 2, etag: '"2:bbbb"', sha256: 'B' }, { number: 3, etag: '"3:cc"', sha256: 'C' }],
    })
    expect(progress.at(-1)).toBe(10)
    expect(brain.signed).toEqual([[1, 2, 3]])
  })

  it('asks for a fresh signature when a part fails, and sends only that part again', async () => {
    let failed = false
    const flaky: PutPart = async (part, body, sent, signal) => {
      if (part.number === 2 && !failed) {
        failed = true
        throw new ApiProblem({ code: 'store_refused', status: 403 })
      }
      return await put(part, body, sent, signal)
    }
    await ship(shipment, () => {}, new AbortController().signal, outside(flaky))
    expect(brain.signed).toEqual([[1, 2, 3], [2]])
  })

  it('gives the upload up when it cannot be completed', async () => {
    brain.refuseCompletion = true
    await expect(ship(shipment, () => {}, new AbortController().signal, outside())).rejects.toMatchObject({ code: 'version_exists' })
    expect(brain.requests.at(-1)).toBe('DELETE /uploads/u1')
  })
})

describe('partSizeFor', () => {
  it('stays below ten thousand parts', () => {
    for (const size of [1, 1e9, 5e11]) expect(size / partSizeFor(size)).toBeLessThan(10_000)
  })
})
