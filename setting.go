package main

import (
	"strings"

	"geelark_exporter/collector/watch"
)

// nameOf returns the flag or variable that sets a field of the configuration file,
// "" if none does.
func nameOf(field string) string {
	for _, s := range new(watch.AccountConfig).Settings() {
		if s.Field == field {
			return "--" + s.Flag
		}
	}
	return map[string]string{
		"name":            "--account.name",
		"app_id":          "--geelark.app-id",
		"token_env":       "$GEELARK_TOKEN",
		"api_key_env":     "$GEELARK_API_KEY",
		"phones.ids":      "--phone.id",
		"phones.ids_file": "--phone.ids-file",
	}[field]
}

// nameOf returns how the user sets a field of the configuration file, "" for as
// the file has it.
func (f *flags) nameOf(field string) string {
	if f.configFile != "" {
		return ""
	}
	name := nameOf(field)
	switch flag, isFlag := strings.CutPrefix(name, "--"); {
	case field == "token_env" && f.demo:
		return "--demo"
	case isFlag:
		return f.spell(flag)
	}
	return name
}
