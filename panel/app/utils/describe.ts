/** What the Brain wants to know of an archive before it is sent: checksums, the number of files, the rules in it. */
import { Decompress } from 'fzstd'
import { createSHA256, type IHasher } from 'hash-wasm'
import { parse } from 'smol-toml'
import { TarScanner } from './tar'

export type ArchiveFormat = 'tar' | 'tar.gz' | 'tar.zst'

export interface Description {
  checksum: string
  parts: string[]
  files: number
  rules: Record<string, unknown>
}

export function formatOf(name: string): ArchiveFormat | undefined {
  if (/\.(tar\.gz|tgz)$/i.test(name)) return 'tar.gz'
  if (/\.tar\.zst$/i.test(name)) return 'tar.zst'
  return /\.tar$/i.test(name) ? 'tar' : undefined
}

/** Reads the archive once. `progress` hears how many bytes are behind it. */
export async function describe(
  archive: Blob, format: ArchiveFormat, partSize: number, progress: (bytes: number) => void,
): Promise<Description> {
  const scanner = new TarScanner()
  const tar = opener(format, chunk => scanner.push(chunk))
  const whole = await createSHA256()
  const part = await createSHA256()
  const parts: string[] = []
  for (let start = 0; start < archive.size; start += partSize) {
    const bytes = new Uint8Array(await archive.slice(start, start + partSize).arrayBuffer())
    whole.update(bytes)
    parts.push(digest(part, bytes))
    await tar.push(bytes)
    progress(start + bytes.length)
  }
  await tar.end()
  return { checksum: whole.digest('hex'), parts, files: scanner.files, rules: rulesOf(scanner.rules) }
}

export function rulesOf(text: string | undefined): Record<string, unknown> {
  return text === undefined ? {} : parse(text)
}

function digest(hasher: IHasher, bytes: Uint8Array): string {
  hasher.init()
  hasher.update(bytes)
  return hasher.digest('hex')
}

interface Opener {
  push: (bytes: Uint8Array<ArrayBuffer>) => Promise<void> | void
  end: () => Promise<void> | void
}

function opener(format: ArchiveFormat, take: (chunk: Uint8Array) => void): Opener {
  if (format === 'tar') return { push: take, end: () => {} }
  if (format === 'tar.zst') {
    const zstd = new Decompress(take)
    return { push: bytes => zstd.push(bytes), end: () => zstd.push(new Uint8Array(0), true) }
  }
  return gunzip(take)
}

function gunzip(take: (chunk: Uint8Array) => void): Opener {
  const stream = new DecompressionStream('gzip')
  const writer = stream.writable.getWriter()
  const reading = (async () => {
    const reader = stream.readable.getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value)
  })()
  // Its failure is met by whoever waits for it in `end`, or by the write that it breaks.
  reading.catch(() => undefined)
  return {
    push: bytes => writer.write(bytes),
    end: async () => {
      await writer.close()
      await reading
    },
  }
}
