import { describe, expect, it, vi } from 'vitest'
import type { ChangedFile, FileContent, FileOut } from '~/api'
import { shownText, useFileEdit, writtenText } from '~/composables/files/useFileEdit'
import { folderOf, nameOf, searchGlob, sortedFiles, treeRows } from '~/utils/fileTree'
import { ApiProblem, problemOf } from '~/utils/problem'
import { diffRows } from '~/utils/unifiedDiff'
import { computed, ref, shallowRef } from 'vue'

Object.assign(globalThis, { computed, ref, shallowRef, problemOf })

const file = (path: string, kind: FileOut['kind'] = 'file'): FileOut => ({
  path, kind, size: 1, mode: 0o644, modified_at: null, target: '', layer: 'base@1', overrode: [], substituted: false, change: 'none',
})
const content = (text: string, digest: string): FileContent => ({ ...file('motd'), text, digest, encoding: 'utf-8', cut: false, masked: [] })

describe('the tree', () => {
  it('has folders first and sorts as people do', () => {
    expect(sortedFiles([file('b10'), file('b9'), file('z', 'folder')]).map(each => each.path)).toEqual(['z', 'b9', 'b10'])
  })

  it('shows only what is open', () => {
    const children = new Map([['', [file('a', 'folder'), file('b')]], ['a', [file('a/x')]]])
    const shown = (open: string[]) => treeRows(children, new Set(open)).map(row => [row.name, row.depth])
    expect(shown([])).toEqual([['a', 0], ['b', 0]])
    expect(shown(['a'])).toEqual([['a', 0], ['x', 1], ['b', 0]])
  })

  it('splits paths and searches literally', () => {
    expect([nameOf('a/b'), folderOf('a/b'), folderOf('b')]).toEqual(['b', 'a', ''])
    expect(searchGlob('a*[b]/c')).toBe('**/*a??b?*/*c*')
  })
})

describe('a diff', () => {
  it('puts removed lines beside those that take their place', () => {
    const rows = diffRows('--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n+2b\n-- \n@@ -9 +9 @@\n-z\n')
    expect(rows.map(row => row.gap ? '…' : [row.left?.number, row.left?.text, row.right?.number, row.right?.text])).toEqual([
      [1, 'one', 1, 'one'], [2, 'two', 2, '2'], [3, '- ', 3, '2b'], '…', [9, 'z', undefined, undefined],
    ])
  })

  it('of nothing has no rows', () => expect(diffRows('')).toEqual([]))
})

describe('an edit', () => {
  const done: ChangedFile = { path: 'motd', before: '', after: 'x', size: 1 }

  it('names the digest it has seen and ends when it is written', async () => {
    const write = vi.fn(async () => done)
    const edit = useFileEdit({ read: async () => content('', ''), write })
    edit.begin(content('hello\r\n', 'seen'))
    expect(edit.dirty.value).toBe(false)
    edit.text.value = 'bye\n'
    expect(edit.dirty.value).toBe(true)
    expect(await edit.save()).toBe(true)
    expect(write).toHaveBeenCalledWith('motd', 'bye\r\n', 'seen')
    expect(edit.editing.value).toBe(false)
  })

  it('loses nothing when somebody else was faster, and can be written over what was shown', async () => {
    const digests: string[] = []
    const edit = useFileEdit({
      read: async () => content('theirs', 'new'),
      write: async (_path, _text, digest) => {
        digests.push(digest)
        if (digest !== 'new') throw new ApiProblem({ code: 'file_changed' })
        return done
      },
    })
    edit.begin(content('old', 'seen'))
    edit.text.value = 'mine'
    expect(await edit.save()).toBe(false)
    expect([edit.text.value, edit.theirs.value?.text, edit.editing.value]).toEqual(['mine', 'theirs', true])
    expect(await edit.save(true)).toBe(true)
    expect(digests).toEqual(['seen', 'new'])
  })

  it('gives back what was typed when it goes on from theirs', async () => {
    const edit = useFileEdit({ read: async () => content('theirs', 'new'), write: async () => Promise.reject(new ApiProblem({ code: 'file_changed' })) })
    edit.begin(content('old', 'seen'))
    edit.text.value = 'mine'
    await edit.save()
    expect([edit.takeTheirs(), edit.text.value, edit.file.value?.digest]).toEqual(['mine', 'theirs', 'new'])
  })

  it('keeps what was typed over a lost connection', async () => {
    const edit = useFileEdit({ read: async () => content('', ''), write: async () => Promise.reject(new TypeError('network')) })
    edit.begin(content('old', 'seen'))
    edit.text.value = 'mine'
    expect(await edit.save()).toBe(false)
    expect([edit.text.value, edit.problem.value?.code, edit.theirs.value]).toEqual(['mine', 'no_connection', null])
  })

  it('keeps line ends', () => {
    expect(shownText('a\r\nb')).toBe('a\nb')
    expect([writtenText('a\nb', 'x\r\n'), writtenText('a\nb', 'x\n')]).toEqual(['a\r\nb', 'a\nb'])
  })
})
