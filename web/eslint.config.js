import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** What a folder may not import: pages → parts, charts → api, words. `app` puts it together. */
const layers = {
  words: ["@/app/*", "@/pages/*", "@/parts/*", "@/charts/*"],
  api: ["@/app/*", "@/pages/*", "@/parts/*", "@/charts/*"],
  charts: ["@/app/*", "@/pages/*", "@/parts/*"],
  parts: ["@/app/*", "@/pages/*"],
  pages: ["@/app/*"],
};

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/api/schema.ts", "src/theme.js", "scripts", "tests", "*.config.*"] },
  ...tseslint.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "react-hooks": hooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "no-restricted-syntax": ["error", { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "User text is never HTML." }],
    },
  },
  { files: ["src/pages/**/*.tsx"], rules: { "max-lines": ["error", { max: 250 }] } },
  ...Object.entries(layers).map(([folder, patterns]) => ({
    files: [`src/${folder}/**/*.{ts,tsx}`],
    rules: { "@typescript-eslint/no-restricted-imports": ["error", { patterns }] },
  })),
);
