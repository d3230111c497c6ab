/** Folders and files as the rows of a tree, of which only what is open is known. */
import type { FileOut } from '~/api'

export interface TreeRow {
  file: FileOut
  name: string
  depth: number
  open: boolean
}

/** `children` by folder; the root's name is empty. */
export function treeRows(children: ReadonlyMap<string, readonly FileOut[]>, open: ReadonlySet<string>, folder = '', depth = 0): TreeRow[] {
  return (children.get(folder) ?? []).flatMap((file) => {
    const isOpen = file.kind === 'folder' && open.has(file.path)
    const row = { file, name: nameOf(file.path), depth, open: isOpen }
    return isOpen ? [row, ...treeRows(children, open, file.path, depth + 1)] : [row]
  })
}

/** Folders first, then by name as people sort. */
export function sortedFiles(files: readonly FileOut[]): FileOut[] {
  return [...files].sort((one, other) => Number(other.kind === 'folder') - Number(one.kind === 'folder') || one.path.localeCompare(other.path, undefined, { numeric: true }))
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** A glob for everything whose path holds the text; what means something in a glob is taken literally. */
export function searchGlob(text: string): string {
  return `**/*${text.trim().replace(/[*?[\]]/g, '?').split('/').join('*/*')}*`
}
