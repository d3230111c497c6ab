/** Files and folders that somebody dropped or chose, with their paths below the folder. */
import type { TarFile } from './tar'

/** Everything below the dropped items. Call it in the drop event itself: the items are gone afterwards. */
export async function droppedFiles(items: DataTransferItemList): Promise<{ name: string, files: TarFile[] }> {
  const entries = [...items].map(item => item.webkitGetAsEntry()).filter(entry => entry !== null)
  const [only] = entries
  const files = (await Promise.all(entries.map(entry => walk(entry, '')))).flat()
  const folder = entries.length === 1 && only?.isDirectory ? only.name : ''
  return { name: folder || (only?.name ?? ''), files: folder ? files.map(file => ({ ...file, path: file.path.slice(folder.length + 1) })) : files }
}

/** The files of an `<input webkitdirectory>`. */
export function chosenFiles(list: Iterable<File>): { name: string, files: TarFile[] } {
  const files = [...list]
  const name = files[0]?.webkitRelativePath.split('/')[0] ?? ''
  return { name, files: files.map(file => ({ path: file.webkitRelativePath.slice(name.length + 1) || file.name, content: file })) }
}

async function walk(entry: FileSystemEntry, above: string): Promise<TarFile[]> {
  const path = above + entry.name
  if (entry.isFile) {
    const content = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    return [{ path, content }]
  }
  const children = await readAll((entry as FileSystemDirectoryEntry).createReader())
  return (await Promise.all(children.map(child => walk(child, `${path}/`)))).flat()
}

/** A reader gives at most a hundred at a time, and nothing when it is through. */
async function readAll(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return all
    all.push(...some)
  }
}
