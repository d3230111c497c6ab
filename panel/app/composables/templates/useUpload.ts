/** Pushing a template version from the browser: choose, read, send. */
import type { DescribeAnswer, DescribeRequest } from '~/workers/describe'

export type UploadStep = 'choose' | 'packing' | 'reading' | 'ready' | 'sending' | 'done'

export function useUpload() {
  const step = ref<UploadStep>('choose')
  const progress = ref(0)
  const total = ref(0)
  const problem = shallowRef<ApiProblem | null>(null)
  const archive = shallowRef<{ blob: Blob, format: ArchiveFormat, name: string } | null>(null)
  const description = shallowRef<Description | null>(null)
  const sent = ref(false)
  let stop = new AbortController()

  async function take(name: string, files: TarFile[]) {
    reset()
    const [only] = files
    const format = files.length === 1 && only ? formatOf(only.path) : undefined
    try {
      if (only && format) archive.value = { blob: only.content, format, name: only.path.replace(/\.(tar(\.gz|\.zst)?|tgz)$/i, '') }
      else archive.value = await pack(name, files)
      await read()
    } catch (error) {
      problem.value = problemOf(error)
      step.value = 'choose'
    }
  }

  async function pack(name: string, files: TarFile[]) {
    if (!files.length) throw new ApiProblem({ code: 'nothing_chosen' })
    step.value = 'packing'
    const stream = tarOf(files).stream().pipeThrough(new CompressionStream('gzip'))
    return { blob: await new Response(stream).blob(), format: 'tar.gz' as const, name }
  }

  async function read() {
    const { blob, format } = archive.value ?? { blob: new Blob(), format: 'tar' as const }
    step.value = 'reading'
    progress.value = 0
    total.value = blob.size
    const request = { archive: blob, format, partSize: partSizeFor(blob.size) }
    description.value = await describeInWorker(request, bytes => (progress.value = bytes), stop.signal)
    step.value = 'ready'
  }

  async function send(templateId: string, version: string): Promise<boolean> {
    if (!archive.value || !description.value) return false
    const { blob, format } = archive.value
    step.value = 'sending'
    progress.value = 0
    problem.value = null
    try {
      const shipment = { templateId, version, archive: blob, format, partSize: partSizeFor(blob.size), description: description.value }
      sent.value = (await ship(shipment, bytes => (progress.value = bytes), stop.signal)).sent
      step.value = 'done'
      return true
    } catch (error) {
      problem.value = problemOf(error)
      step.value = 'ready'
      return false
    }
  }

  function reset() {
    stop.abort()
    stop = new AbortController()
    step.value = 'choose'
    problem.value = null
    archive.value = null
    description.value = null
  }

  onScopeDispose(() => stop.abort())
  return { step, progress, total, problem, archive, description, sent, take, send, reset }
}

function describeInWorker(request: DescribeRequest, progress: (bytes: number) => void, signal: AbortSignal): Promise<Description> {
  const worker = new Worker(new URL('../../workers/describe.ts', import.meta.url), { type: 'module' })
  return new Promise<Description>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new ApiProblem({ code: 'upload_cancelled' })), { once: true })
    worker.onerror = event => reject(new ApiProblem({ code: 'unexpected', detail: event.message }))
    worker.onmessage = ({ data }: MessageEvent<DescribeAnswer>) => {
      if ('progress' in data) progress(data.progress)
      else if ('done' in data) resolve(data.done)
      else reject(new ApiProblem({ code: 'archive_unreadable', detail: data.failed, params: { why: data.failed } }))
    }
    worker.postMessage(request)
  }).finally(() => worker.terminate())
}
