/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { Child } from "hono/jsx";

export interface ActionProps {
  readonly path: string;
  readonly label: string;
  /** How much it weighs. @default "plain" */
  readonly tone?: "plain" | "main" | "danger";
  readonly fields?: Readonly<Record<string, string>>;
  readonly id?: string;
  readonly title?: string;
}

/** One button that does something: a form, so that it works without a script. */
export function Action({ path, label, tone = "plain", fields = {}, id, title }: ActionProps) {
  return (
    <form method="post" action={path} class="inline">
      {Object.entries(fields).map(([name, value]) => <input type="hidden" name={name} value={value} />)}
      <button type="submit" class={tone} id={id} title={title}>{label}</button>
    </form>
  );
}

/** What just happened, or why it did not. */
export function Notice({ tone, children }: { tone: "good" | "bad"; children: Child }) {
  return <div class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>{children}</div>;
}

/** A field with its label and what it is for. */
export function Field({ id, label, hint, children }: { id: string; label: string; hint?: string; children: Child }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint !== undefined && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

/** Something that cannot be undone: its button works once the name was typed. */
export function TypedName(
  { path, name, label, explain, id }: { path: string; name: string; label: string; explain: string; id: string },
) {
  return (
    <form method="post" action={path} class="danger-form">
      <p>{explain}</p>
      <label for={id}>
        Type <b>{name}</b> to confirm
      </label>
      <div class="row">
        <input id={id} name="confirm" autocomplete="off" required spellcheck={false} />
        <button type="submit" class="danger">{label}</button>
      </div>
    </form>
  );
}
