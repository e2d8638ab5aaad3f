// Where something stands on the earth, as coarsely as the choice of a near member needs it, and what the way between two places takes.
//
// In a statement a place is whole tenths of a degree, counted from the south pole and from the 180th meridian: canonical values have no
// negative numbers and no fractions.

import { object, uint } from '#protocol/codec/shape.ts'
import { countryMiddles } from '#protocol/place/countries.ts'

const TENTHS = 10
const LATITUDE_MAX = 90
const LONGITUDE_MAX = 180

export const placeShape = object({
  /** Tenths of a degree north of the south pole. */
  latitude: uint(2 * LATITUDE_MAX * TENTHS),
  /** Tenths of a degree east of the 180th meridian. */
  longitude: uint(2 * LONGITUDE_MAX * TENTHS),
})
export type Place = { readonly latitude: number; readonly longitude: number }

/** Degrees north and east; undefined: there is no such place. */
export function placeFromDegrees(north: number, east: number): Place | undefined {
  if (!(Math.abs(north) <= LATITUDE_MAX && Math.abs(east) <= LONGITUDE_MAX)) return undefined
  return {
    latitude: Math.round((north + LATITUDE_MAX) * TENTHS),
    longitude: Math.round((east + LONGITUDE_MAX) * TENTHS),
  }
}

/** Degrees north and east, in tenths. */
export function degreesOf({ latitude, longitude }: Place): { readonly north: number; readonly east: number } {
  return { north: latitude / TENTHS - LATITUDE_MAX, east: longitude / TENTHS - LONGITUDE_MAX }
}

export const PLACE_WORDS = "is a country (two letters, such as DE) or degrees north and east, such as '52.5,13.4'"

/** `DE`, or `52.5,13.4`. */
export function placeFromText(text: string): Place | undefined {
  const [, north, east] = /^\s*(-?\d{1,2}(?:\.\d{1,8})?)\s*,\s*(-?\d{1,3}(?:\.\d{1,8})?)\s*$/.exec(text) ?? []
  if (north !== undefined && east !== undefined) return placeFromDegrees(Number(north), Number(east))
  return placeOfCountry(text.trim().toUpperCase())
}

const placeByCountry = new Map(
  countryMiddles.flatMap(([country, north, east]) => {
    const place = placeFromDegrees(north, east)
    return place === undefined ? [] : [[country, place] as const]
  }),
)

/** Two capital letters; undefined: no such country. */
export function placeOfCountry(country: string): Place | undefined {
  return placeByCountry.get(country)
}

/** In these the middle says little of where somebody is. */
const WIDE_COUNTRIES: ReadonlySet<string> = new Set(['AU', 'BR', 'CA', 'CN', 'IN', 'RU', 'US'])

export function isWideCountry(country: string): boolean {
  return WIDE_COUNTRIES.has(country)
}

const EARTH_RADIUS_KM = 6_371
/** Light in glass goes 200 km a millisecond; there and back, over cables half as long again as the straight line. */
const MS_PER_KM = (2 / 200) * 1.5

function radians(tenths: number): number {
  return (tenths / TENTHS) * (Math.PI / 180)
}

/** What a message there and back takes at least, by the way of cables, ms. */
export function roundTripMs(from: Place, to: Place): number {
  const a = radians(from.latitude - LATITUDE_MAX * TENTHS)
  const b = radians(to.latitude - LATITUDE_MAX * TENTHS)
  const half =
    Math.sin((a - b) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(radians(from.longitude - to.longitude) / 2) ** 2
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(half))) * MS_PER_KM
}

/** Visitors of one field of a coarse net over the earth are sent to the same members. */
const FIELD_DEGREES = 10
const FIELDS_EAST = (2 * LONGITUDE_MAX) / FIELD_DEGREES
const FIELDS_NORTH = (2 * LATITUDE_MAX) / FIELD_DEGREES
export const FIELDS = FIELDS_EAST * FIELDS_NORTH
const FIELD_TENTHS = FIELD_DEGREES * TENTHS

/** 0 … `FIELDS` − 1. */
export function fieldOf({ latitude, longitude }: Place): number {
  const north = Math.min(FIELDS_NORTH - 1, Math.floor(latitude / FIELD_TENTHS))
  return north * FIELDS_EAST + (Math.floor(longitude / FIELD_TENTHS) % FIELDS_EAST)
}

/** Its middle. */
export function placeOfField(field: number): Place {
  return {
    latitude: (Math.floor(field / FIELDS_EAST) + 0.5) * FIELD_TENTHS,
    longitude: ((field % FIELDS_EAST) + 0.5) * FIELD_TENTHS,
  }
}
