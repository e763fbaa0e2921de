package geelark

// TaskMeaning returns what it means that a task failed with the code, or what
// codes of its hundred are about (document "Batch query tasks" of the [API
// reference]); "" for a code of none of them.
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c Code) TaskMeaning() string {
	switch c {
	case 20100, 20108:
		return "no network"
	case 20109, 20110, 29996:
		return "the proxy does not work"
	case 20116:
		return "not logged in"
	case 20129:
		return "the device is offline"
	case 20136:
		return "the account is blocked"
	case 29997:
		return "the balance is too low"
	case 29998:
		return "the phone was deleted"
	case 29999:
		return "unknown error"
	case CodeStartCap:
		return c.String()
	}
	switch c / 100 {
	case 200:
		return "the task itself"
	case 201:
		return "network, proxy, login or device"
	case 202:
		return "upload or publishing"
	case 203:
		return "registration"
	case 204, 205, 206, 207, 208, 209, 210:
		return "a page of the app"
	}
	return ""
}
