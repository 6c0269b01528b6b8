const paths: Record<string, string> = {
  portfolio: "M2.5 3.5h4.5v4H2.5zM9 3.5h4.5v4H9zM2.5 9.5h4.5v3H2.5zM9 9.5h4.5v3H9z",
  inbox: "M2.5 9.5 4.5 3.5h7l2 6v3h-11zM2.5 9.5h3l1 1.5h3l1-1.5h3",
  target: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  runs: "M5 3.5l7 4.5-7 4.5z",
  flow: "M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM6.5 5h2.5a2 2 0 0 1 2 2v2.5",
  data: "M3 4.5c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2zM3 4.5v7c0 1.1 2.2 2 5 2s5-.9 5-2v-7M3 8c0 1.1 2.2 2 5 2s5-.9 5-2",
  model: "M8 2 13 4.8v6.4L8 14l-5-2.8V4.8zM3 4.8 8 7.6l5-2.8M8 7.6V14",
  deploy: "M8 13.5v-9M4.5 7.5 8 4l3.5 3.5M3 2.5h10",
  monitor: "M2 8.5h2.8L6.5 4l3 8 1.7-3.5H14",
  audit: "M8 2.2 13 4v4c0 3-2.2 5-5 6-2.800-1-5-3-5-6V4zM5.800 8l1.600 1.600L10.400 6.500",
  policy: "M4 2.500h6l2.500 2.500v8.500H4zM6.500 7h3.500M6.500 9.500h3.500",
  settings: "M2.5 5h6M11.500 5h2M2.5 11h2M7.500 11h6M10 6.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3zM6 12.500a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3z",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.500 10.500l3 3",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  fold: "M2.500 3.500h11v9h-11zM6 3.500v9",
  sun: "M8 10.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1.100 1.100M11.500 11.500l1.100 1.100M3.400 12.600l1.100-1.100M11.500 4.500l1.100-1.100",
  copy: "M5.500 5.500h7v8h-7zM3.500 10.500v-8h7",
  external: "M9 3h4v4M13 3 7.500 8.500M11.500 9v4h-8V5h4",
  arrow: "M3 8h10M9 4l4 4-4 4",
  check: "M3 8.500l3.200 3.200L13 5",
};

export function Icon({ name }: { name: string }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name] ?? ""} strokeWidth={name === "more" ? 2.5 : undefined} />
    </svg>
  );
}

/** The mark of Kilter: the six cells bent into a ring. */
export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      {[0, 60, 120, 180, 240, 300].map((angle) => (
        <rect key={angle} x="12.5" y="2" width="7" height="7" rx="2" transform={`rotate(${angle} 16 16)`} opacity={angle === 300 ? 0.45 : 1} />
      ))}
    </svg>
  );
}
