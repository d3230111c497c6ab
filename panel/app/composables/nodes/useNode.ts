/** One node, and what can be done with it. */
import { cordonNode, declareNodeLost, drainNode, purgeNode, removeNode, setDevMode, uncordonNode, undrainNode, type DrainNode } from '~/api'

export function useNode(reference: string) {
  const { t } = useI18n()
  const nodes = useNodes()
  const tell = useTell()
  const confirm = useConfirm()
  const format = useFormat()

  /** Once found it is known by its id: somebody may rename it while the page is open. */
  let id = reference
  const node = computed(() => {
    const found = nodes.rows.value.find(each => each.id === id) ?? nodes.rows.value.find(each => each.name === reference)
    id = found?.id ?? id
    return found
  })
  const path = computed(() => ({ node: node.value?.id ?? reference }))
  const name = computed(() => node.value?.name ?? reference)

  const run = async (act: () => Promise<unknown>, said: string) => {
    if (await tell.tryTo(act, said)) await nodes.reload(path.value.node)
  }

  async function dev(enabled: boolean) {
    if (enabled && !await confirm({ title: t('nodes.dev.title', { name: name.value }), text: t('nodes.dev.text'), button: t('nodes.dev.on') })) return
    await run(() => ask(setDevMode({ path: path.value, body: { enabled } })), t(enabled ? 'nodes.dev.isOn' : 'nodes.dev.isOff'))
  }

  const cordon = () => run(() => ask(cordonNode({ path: path.value })), t('nodes.did.cordon'))
  const uncordon = () => run(() => ask(uncordonNode({ path: path.value })), t('nodes.did.uncordon'))
  const undrain = () => run(() => ask(undrainNode({ path: path.value })), t('nodes.did.undrain'))

  const drain = (how: DrainNode) => run(() => ask(drainNode({ path: path.value, body: how })), t('nodes.did.drain'))
  const lose = (off: boolean) => run(() => ask(declareNodeLost({ path: path.value, body: { off } })), t('nodes.did.lost'))

  async function purge(templateId: string, version: string) {
    await tell.tryTo(async () => {
      const done = await ask(purgeNode({ path: path.value, body: { template_id: templateId || null, version: version || null } }))
      tell.done(t('nodes.purge.done', { size: format.bytes(done.freed_bytes ?? 0), count: done.trees ?? 0 }), done.kept_until_released ? t('nodes.purge.kept', done.kept_until_released) : undefined)
      await nodes.reload(path.value.node)
    })
  }

  async function remove() {
    const held = node.value ? instancesOn(node.value) : 0
    const agreed = await confirm({
      title: t('nodes.remove.title', { name: name.value }),
      text: held ? t('nodes.remove.textHeld', held) : t('nodes.remove.text'),
      button: t('nodes.remove.button'),
      dangerous: true,
    })
    if (!agreed) return
    const { id } = node.value ?? { id: reference }
    if (await tell.tryTo(() => ask(removeNode({ path: { node: id }, query: { force: held > 0 } })), t('nodes.did.remove'))) {
      nodes.list.remove(id)
      await navigateTo('/nodes')
    }
  }

  return { node, dev, cordon, uncordon, drain, undrain, lose, purge, remove }
}
