package main

import (
	"runtime/debug"
	"strings"

	"github.com/prometheus/common/version"
)

// setVersion gives a build that make did not make the version that Go took from
// the repository: --version, the metric about the build and the User-Agent of
// API requests all read this one variable.
func setVersion() {
	if version.Version != "" {
		return
	}
	info, _ := debug.ReadBuildInfo()
	version.Version = versionOf(info)
}

// versionOf is that of a build of a commit, written as make and the changelog do.
// Go knows none of go run and of a source tree without its history.
func versionOf(info *debug.BuildInfo) string {
	if info == nil || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
