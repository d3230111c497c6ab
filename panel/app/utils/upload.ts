/** Sending an archive to the object store in parts, straight from the browser, with the Brain's signatures. */
import { abortUpload, beginUpload, completeUpload, signParts, type SignedPart, type VersionOut } from '~/api'
import { ask } from '~/composables/api/ask'
import type { ArchiveFormat, Description } from './describe'
import { ApiProblem, problemOf } from './problem'

export interface Shipment {
  templateId: string
  version: string
  archive: Blob
  format: ArchiveFormat
  partSize: number
  description: Description
}

/** The outside world of an upload. */
export interface Outside {
  put: PutPart
  wait: (ms: number) => Promise<void>
}

export type PutPart = (part: SignedPart, body: Blob, sent: (bytes: number) => void, signal: AbortSignal) => Promise<string>

const AT_ONCE = 3
const TRIES = 4
const SIGN_AT_ONCE = 100

/** S3 takes at most 10,000 parts. */
export function partSizeFor(size: number): number {
  const mib = 1024 * 1024
  return Math.max(16 * mib, Math.ceil(size / 9000 / mib) * mib)
}

/** The version, and whether anything had to be sent. An upload that breaks off is given up, and leaves nothing behind. */
export async function ship(
  shipment: Shipment, progress: (bytes: number) => void, signal: AbortSignal, outside: Outside = BROWSER,
): Promise<{ version: VersionOut, sent: boolean }> {
  const path = { template_id: shipment.templateId, version: shipment.version }
  const { archive, description, format, partSize } = shipment
  const begun = await ask(beginUpload({
    path,
    body: {
      size: archive.size,
      checksum: description.checksum,
      format,
      files: description.files,
      rules: description.rules,
      part_size: partSize,
    },
  }))
  if (begun.version) return { version: begun.version, sent: false }
  const upload = { ...path, upload_id: begun.upload_id ?? '' }
  try {
    const etags = await sendParts(shipment, upload, progress, signal, outside)
    const parts = etags.map((etag, index) => ({ number: index + 1, etag, sha256: description.parts[index] ?? '' }))
    return { version: await ask(completeUpload({ path: upload, body: { parts } })), sent: true }
  } catch (error) {
    await ask(abortUpload({ path: upload })).catch(() => undefined)
    throw error
  }
}

type UploadPath = { template_id: string, version: string, upload_id: string }

async function sendParts(
  shipment: Shipment, path: UploadPath, progress: (bytes: number) => void, signal: AbortSignal, outside: Outside,
): Promise<string[]> {
  const { archive, partSize, description } = shipment
  const numbers = description.parts.map((_, index) => index + 1)
  const sent = new Array<number>(numbers.length).fill(0)
  const etags = new Array<string>(numbers.length).fill('')
  const signed = signer(path, description.parts)

  async function send(number: number) {
    const body = archive.slice((number - 1) * partSize, number * partSize)
    etags[number - 1] = await withRetries(signal, outside.wait, async (attempt) => {
      const part = await signed(number, attempt > 0)
      return await outside.put(part, body, (bytes) => {
        sent[number - 1] = bytes
        progress(sent.reduce((sum, each) => sum + each, 0))
      }, signal)
    })
  }

  async function work() {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) await send(number)
  }

  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return etags
}

/** Signatures in bulk; a part that failed gets a fresh one. */
function signer(path: UploadPath, sums: readonly string[]) {
  const known = new Map<number, Promise<SignedPart>>()
  const sign = async (numbers: number[]) => (await ask(signParts({ path, body: { parts: numbers.map(number => ({ number, sha256: sums[number - 1] ?? '' })) } }))).parts

  return (number: number, anew: boolean): Promise<SignedPart> => {
    const found = known.get(number)
    if (found && !anew) return found
    const next = sums.map((_, index) => index + 1).filter(each => each >= number && !known.has(each))
    const numbers = anew ? [number] : next.slice(0, SIGN_AT_ONCE)
    const answer = sign(numbers)
    for (const each of numbers) {
      known.set(each, answer.then((parts) => {
        const part = parts.find(one => one.number === each)
        if (!part) throw new ApiProblem({ code: 'unexpected', detail: `part ${each} was not signed` })
        return part
      }))
    }
    return known.get(number) ?? Promise.reject(new ApiProblem({ code: 'unexpected' }))
  }
}

async function withRetries<T>(signal: AbortSignal, wait: Outside['wait'], act: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await act(attempt)
    } catch (error) {
      const problem = problemOf(error)
      if (signal.aborted || attempt + 1 >= TRIES || problem.code === 'etag_hidden') throw problem
      await wait(300 * 2 ** attempt)
    }
  }
}

/** Headers that browsers set themselves and refuse to have set. */
const OWN = new Set(['host', 'content-length', 'connection'])

function putPart(part: SignedPart, body: Blob, sent: (bytes: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const stop = () => request.abort()
    signal.addEventListener('abort', stop)
    request.upload.onprogress = event => sent(event.loaded)
    request.onloadend = () => signal.removeEventListener('abort', stop)
    request.onabort = () => reject(new ApiProblem({ code: 'upload_cancelled' }))
    request.onerror = () => reject(new ApiProblem({ code: 'store_unreachable', params: { host: new URL(part.url).host } }))
    request.onload = () => {
      if (request.status < 200 || request.status > 299) return reject(new ApiProblem({ code: 'store_refused', status: request.status, params: { status: request.status } }))
      const etag = request.getResponseHeader('ETag')
      if (!etag) return reject(new ApiProblem({ code: 'etag_hidden' }))
      sent(body.size)
      resolve(etag)
    }
    request.open('PUT', part.url)
    for (const [name, value] of Object.entries(part.headers)) {
      if (!OWN.has(name.toLowerCase())) request.setRequestHeader(name, value)
    }
    request.send(body)
  })
}

const BROWSER: Outside = { put: putPart, wait: ms => new Promise(resolve => setTimeout(resolve, ms)) }
