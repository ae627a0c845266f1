//! Regions and their emergency numbers.
//!
//! Facts in a table, so that a short code is judged without waking the number library. Source: libphonenumber's
//! ShortNumberMetadata (9.0.43), 3GPP TS 22.101 10.1.1 for the numbers that hold everywhere. What can go wrong: a
//! region that gives itself a new number is not known here until the table is brought up to date.

use std::str::FromStr;

use super::NumberError;

/// An ISO 3166 region that libphonenumber knows, such as `US`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Region([u8; 2]);

impl Region {
    /// Its code, two capital letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("invariant: two ASCII letters")
    }

    pub(super) fn of_library(region: rlibphonenumber::Region) -> Option<Self> {
        region.as_region_str().as_str().parse().ok()
    }

    pub(super) fn to_library(self) -> Option<rlibphonenumber::Region> {
        self.as_str().parse().ok()
    }
}

impl TryFrom<String> for Region {
    type Error = NumberError;
    fn try_from(s: String) -> Result<Self, NumberError> {
        s.parse()
    }
}

impl FromStr for Region {
    type Err = NumberError;
    fn from_str(s: &str) -> Result<Self, NumberError> {
        let code = s.to_ascii_uppercase();
        match code.as_bytes() {
            &[a, b] if is_region(&code) => Ok(Self([a, b])),
            _ => Err(NumberError::UnknownRegion),
        }
    }
}

/// ISO 3166 regions that libphonenumber knows, in order.
const REGIONS: &str = "\
    AC AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO \
    DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GT GU \
    GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW \
    KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PR PS PT \
    PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA \
    TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK \
    YE YT ZA ZM ZW";

/// Emergency numbers of any network (TS 22.101 10.1.1: with or without a SIM).
const EVERYWHERE: [&str; 7] = ["112", "911", "000", "110", "118", "119", "999"];

/// Numbers of single regions beside those; `?` stands for any digit.
const HERE: &[(&str, &str)] = &[
    ("10111", "NA"),
    ("10111 10177", "ZA"),
    ("32022", "FM"),
    ("90000", "SE"),
    ("101 102 103", "AM AZ BY KG KZ TJ UA"),
    ("113", "BT ID LU NO SI SJ SY"),
    ("199", "BH CY HN MM NG"),
    ("113 115", "AO IT SM VA"),
    ("114", "DK FO HT KE"),
    ("111", "NR NZ PG RW"),
    ("115", "PT SR TL"),
    ("116", "AD LK"),
    ("997 998", "AE PL"),
    ("122 123 124", "BA ME"),
    ("113 117", "BI GW"),
    ("919", "BS SX"),
    ("117", "CG PH"),
    ("117 144", "CH LI"),
    ("333", "DM KN"),
    ("177", "EH MA"),
    ("100 101 102", "IL PS"),
    ("192 193 194", "MK XK"),
    ("128", "PY UY"),
    ("100 102", "AF"),
    ("127 128 129", "AL"),
    ("100 101 107", "AR"),
    ("122 133 144", "AT"),
    ("106", "AU"),
    ("100", "AW"),
    ("211 311 511", "BB"),
    ("100 101 102 199", "BD"),
    ("100 101", "BE"),
    ("150 160 166", "BG"),
    ("114 116 117", "BJ"),
    ("991 993 995", "BN"),
    ("128 190 192 193", "BR"),
    ("111 997 998", "BW"),
    ("990", "BZ"),
    ("113 114 177 188", "CD"),
    ("117 1220", "CF"),
    ("111 170 180", "CI"),
    ("996 998", "CK"),
    ("131 132 133", "CL"),
    ("113 117", "CM"),
    ("120", "CN"),
    ("123 132 156", "CO"),
    ("104 105 106", "CU"),
    ("130 131 132", "CV"),
    ("150 151 152 153 154 155 156 157 158 159", "CZ"),
    ("101 102", "EC"),
    ("122 123 180", "EG"),
    ("113 114 116 124422 201606 201917 202914 127799 202099", "ER"),
    ("085 088", "ES"),
    ("939 991 997", "ET"),
    ("917", "FJ"),
    ("13?? 1730", "GA"),
    ("011 022 033 111 113 122", "GE"),
    ("191 192 193", "GH"),
    ("190 199", "GI"),
    ("116 117", "GM"),
    ("100 166 199", "GR"),
    ("120 123", "GT"),
    ("912 913", "GY"),
    ("992", "HK"),
    ("192 193 194", "HR"),
    ("104 105 107", "HU"),
    ("100 101 102 108 1298 2611", "IN"),
    ("100 104 115 122", "IQ"),
    ("115 125", "IR"),
    ("191 192 197", "JO"),
    ("117 666", "KH"),
    ("192 193 194 195 992 993 994", "KI"),
    ("819", "KP"),
    ("190 191 195", "LA"),
    ("140 175", "LB"),
    ("355", "LR"),
    ("115 117", "LS"),
    ("011 022 033 101 102 103", "LT"),
    ("113", "LV"),
    ("190 191 193", "LY"),
    ("901 902 903", "MD"),
    ("117", "MG"),
    ("100 101 102 103 105", "MN"),
    ("114 115 995", "MU"),
    ("102", "MV"),
    ("199 997 998", "MW"),
    ("060 065 066 068 080", "MX"),
    ("117 197 198", "MZ"),
    ("723141", "NE"),
    ("955 977", "NF"),
    ("115 120 128", "NI"),
    ("100 101 102 103", "NP"),
    ("1444 9999", "OM"),
    ("105 116 117", "PE"),
    ("115 1122", "PK"),
    ("101 102 103", "RU"),
    ("997", "SA"),
    ("993 995", "SG"),
    ("150 155 158", "SK"),
    ("019", "SL"),
    ("555 888", "SO"),
    ("913", "SV"),
    ("117 171 172 177", "TG"),
    ("191 199 1669", "TH"),
    ("190 197 198", "TN"),
    ("922 933", "TO"),
    ("155", "TR"),
    ("990", "TT"),
    ("111 114 115", "TZ"),
    ("001 002 003 050", "UZ"),
    ("171", "VE"),
    ("113 114 115", "VN"),
    ("994 995 996", "WS"),
    ("191 194 195 199", "YE"),
    ("991 993", "ZM"),
    ("993 994 995", "ZW"),
];

/// Whether these digits call for help as dialled in `region`.
pub(super) fn is_emergency(digits: &str, region: &str) -> bool {
    EVERYWHERE.contains(&digits)
        || HERE
            .iter()
            .filter(|(_, regions)| regions.split(' ').any(|r| r == region))
            .flat_map(|(numbers, _)| numbers.split(' '))
            .any(|number| matches(number, digits))
}

fn matches(number: &str, digits: &str) -> bool {
    number.len() == digits.len() && number.bytes().zip(digits.bytes()).all(|(n, d)| n == b'?' || n == d)
}

/// Whether libphonenumber knows this region.
fn is_region(code: &str) -> bool {
    code.len() == 2 && REGIONS.split(' ').any(|r| r == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_those_of_the_library() {
        let mut known: Vec<String> = rlibphonenumber::PHONE_NUMBER_UTIL
            .get_supported_regions()
            .map(|r| r.as_region_str().as_str().to_owned())
            .collect();
        known.sort();
        assert_eq!(known.join(" "), REGIONS);
    }

    #[test]
    fn help_is_known_where_it_is_called() {
        for (digits, region) in
            [("112", "DE"), ("911", "US"), ("000", "AU"), ("999", "GB"), ("144", "AT"), ("1377", "GA"), ("115", "IT")]
        {
            assert!(is_emergency(digits, region), "{digits} in {region}");
        }
        for (digits, region) in [("144", "US"), ("12345", "CZ"), ("1477", "GA"), ("91", "IN"), ("", "US")] {
            assert!(!is_emergency(digits, region), "{digits} in {region}");
        }
    }
}
