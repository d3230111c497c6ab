/** Hashes and reads an archive off the page's thread, so that gigabytes do not make the page stutter. */
import { describe, type ArchiveFormat, type Description } from '../utils/describe'

export interface DescribeRequest {
  archive: Blob
  format: ArchiveFormat
  partSize: number
}

export type DescribeAnswer = { progress: number } | { done: Description } | { failed: string }

onmessage = async ({ data }: MessageEvent<DescribeRequest>) => {
  const answer = (message: DescribeAnswer) => postMessage(message)
  try {
    answer({ done: await describe(data.archive, data.format, data.partSize, progress => answer({ progress })) })
  } catch (error) {
    answer({ failed: error instanceof Error ? error.message : String(error) })
  }
}
