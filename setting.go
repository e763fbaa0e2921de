package main

// nameOf returns how the user sets a field of the configuration file, "" for as
// the file has it.
func (f *flags) nameOf(field string) string {
	if f.configFile != "" {
		return ""
	}
	switch field {
	case "token_env":
		return "$GEELARK_TOKEN"
	case "app_id":
		return "--geelark.app-id"
	case "api_key_env":
		return "$GEELARK_API_KEY"
	}
	if flag := flagsOfFields[field]; flag != "" {
		return "--" + flag
	}
	return ""
}
