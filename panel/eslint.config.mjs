import withNuxt from './.nuxt/eslint.config.mjs'

export default withNuxt(
  { ignores: ['app/api/**', 'screenshots/**'] },
  {
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true }],
      'vue/max-attributes-per-line': ['error', { singleline: 3, multiline: 1 }],
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multi-word-component-names': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      'vue/no-multiple-template-root': 'off',
      '@stylistic/max-len': ['error', { code: 140, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreUrls: true }],
    },
  },
  { files: ['**/*.vue'], rules: { '@stylistic/max-len': ['error', { code: 180, ignoreStrings: true, ignoreUrls: true }] } },
)
