/** A unified diff as rows of two columns. */

export interface DiffLine {
  number: number
  text: string
  /** Not in the other file. */
  changed: boolean
}

export interface DiffRow {
  left: DiffLine | null
  right: DiffLine | null
  /** Between two parts of the files: what is left out in between. */
  gap: boolean
}

/** Removed lines stand beside the added ones that take their place. */
export function diffRows(text: string): DiffRow[] {
  const rows: DiffRow[] = []
  let removed: DiffLine[] = []
  let added: DiffLine[] = []
  let left = 0
  let right = 0

  function flush() {
    for (let index = 0; index < Math.max(removed.length, added.length); index++) {
      rows.push({ left: removed[index] ?? null, right: added[index] ?? null, gap: false })
    }
    removed = []
    added = []
  }

  for (const line of text.split('\n')) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line)
    if (hunk) {
      flush()
      if (rows.length) rows.push({ left: null, right: null, gap: true })
      left = Number(hunk[1])
      right = Number(hunk[2])
    } else if (!left && !right) {
      continue // the names of the files
    } else if (line.startsWith('-')) {
      removed.push({ number: left++, text: line.slice(1), changed: true })
    } else if (line.startsWith('+')) {
      added.push({ number: right++, text: line.slice(1), changed: true })
    } else if (line.startsWith(' ')) {
      flush()
      const text = line.slice(1)
      rows.push({ left: { number: left++, text, changed: false }, right: { number: right++, text, changed: false }, gap: false })
    }
  }
  flush()
  return rows
}
