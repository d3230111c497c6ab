/** One template with its versions. */
import { getTemplate, listVersions, removeTemplate, removeVersion, type TemplateOut, type VersionOut } from '~/api'

export function useTemplate(id: string) {
  const { t } = useI18n()
  const tell = useTell()
  const confirm = useConfirm()
  const template = shallowRef<TemplateOut | null>(null)
  const versions = shallowRef<VersionOut[]>([])
  const problem = shallowRef<ApiProblem | null>(null)

  async function load(): Promise<void> {
    try {
      template.value = await ask(getTemplate({ path: { template_id: id } }))
      const rows: VersionOut[] = []
      await askAll(cursor => listVersions({ path: { template_id: id }, query: { limit: 200, cursor } }), items => rows.push(...items))
      versions.value = rows
      problem.value = null
    } catch (error) {
      problem.value = problemOf(error)
    }
  }

  const soon = useThrottleFn(load, 1500, true)
  useLive().onEvents((events) => {
    const touches = events.some(event => (event.subject_kind === 'template' && event.subject_id.split('@')[0] === id)
      || event.kind === 'instance.created' || event.kind === 'instance.upgraded' || event.kind === 'instance.destroyed')
    if (touches) void soon()
  })

  async function dropVersion(version: string) {
    const agreed = await confirm({ title: t('templates.remove.version', { name: `${id}@${version}` }), text: t('templates.remove.versionText'), button: t('common.remove'), dangerous: true })
    if (agreed && await tell.tryTo(() => ask(removeVersion({ path: { template_id: id, version } })), t('templates.removed', { name: `${id}@${version}` }))) await load()
  }

  async function drop() {
    const agreed = await confirm({ title: t('templates.remove.template', { name: id }), text: t('templates.remove.templateText', versions.value.length), button: t('common.remove'), dangerous: true })
    if (agreed && await tell.tryTo(() => ask(removeTemplate({ path: { template_id: id } })), t('templates.removed', { name: id }))) await navigateTo('/templates')
  }

  void load()
  return { template, versions, problem, load, drop, dropVersion }
}
