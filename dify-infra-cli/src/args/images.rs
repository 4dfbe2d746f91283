//! The arguments of `dify-infra images`.

use clap::{Args, Subcommand};

use super::FileArguments;

/// Arguments of `images`.
#[derive(Args, Debug)]
pub struct ImagesArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: ImagesCommand,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum ImagesCommand {
    /// List the images that the containers run, and what they are copies of
    #[command(after_help = "\
Examples:
  dify-infra images list
  dify-infra images list --json | jq -r '.images[].image'

Nothing is asked; a digest is shown where the file pins one.")]
    List(FileArguments),
    /// Have the deployment's Azure registry copy all images of the release from Docker Hub
    #[command(after_help = "\
Examples:
  dify-infra images import --dry-run
  dify-infra images import
  dify-infra images import --json | jq -r '.images[] | select(.result == \"failed\").image'

Azure copies; nothing passes through this machine. Images are copied by digest: those that
`[images.digests]` names, or those to which Docker Hub says that the tags lead now; they are printed
on stdout as that table. A tag that the registry has leads to the copy afterwards. Docker Hub rations
copies without an account: give one with DOCKERHUB_USERNAME and DOCKERHUB_TOKEN.")]
    Import(ImportArguments),
}

/// Arguments of `images import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// Only show what would be copied
    #[arg(long)]
    pub dry_run: bool,

    /// Leave tags alone that the registry has, whatever they lead to
    #[arg(long)]
    pub keep_existing: bool,
}
