//! Parts of the command that does the same as a sheet. It is copied into a shell, so what a person typed is quoted.

/** ` --reason '…'`, or nothing without a reason. */
export const reasonOption = (reason: string): string => (reason === "" ? "" : ` --reason '${reason.replaceAll("'", "'\\''")}'`);
