package geelarktest

// The parts that phones are made of. All are invented where they could belong
// to somebody.

var groups = []struct {
	name, remark string
	share        int // in percent of the fleet; they add up to 100
}{
	{"farm-1", "first rack", 30},
	{"farm-2", "second rack", 25},
	{"farm-3", "", 15},
	{"growth", "growth team", 20},
	{"qa", "release tests", 10},
}

var tags = []string{"warm-up", "shop", "live", "ads", "priority"}

var remarks = []string{"", "", "", "ops on call", "replace proxy", "new owner in spring"}

type model struct{ brand, name, os string }

var models = []model{
	{"samsung", "Galaxy S21", "Android 13.0"},
	{"samsung", "Galaxy A54", "Android 14.0"},
	{"Google", "Pixel 6", "Android 13.0"},
	{"Google", "Pixel 8", "Android 15.0"},
	{"Xiaomi", "Redmi Note 12", "Android 12.0"},
	{"OnePlus", "OnePlus 9", "Android 11.0"},
	{"OPPO", "Reno8", "Android 12.0"},
	{"motorola", "moto g60", "Android 11.0"},
}

type country struct{ name, dial, timeZone, language, province, city string }

var countries = []country{
	{"United States", "+1", "America/Chicago", "en-US", "Illinois", "Chicago"},
	{"Thailand", "+66", "Asia/Bangkok", "th-TH", "Bangkok", "Bangkok"},
	{"Vietnam", "+84", "Asia/Ho_Chi_Minh", "vi-VN", "Ho Chi Minh", "Ho Chi Minh City"},
	{"Brazil", "+55", "America/Sao_Paulo", "pt-BR", "Sao Paulo", "Campinas"},
	{"Germany", "+49", "Europe/Berlin", "de-DE", "Hessen", "Frankfurt"},
	{"Japan", "+81", "Asia/Tokyo", "ja-JP", "Osaka", "Osaka"},
}

var proxyTypes = []string{"socks5", "http", "https"}
