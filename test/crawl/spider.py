"""What Scrapy finds of one site: every page by its links from START, or every page of the sitemaps that SITEMAPS_OF names in its robots.txt.

    scrapy runspider spider.py -O out.jl -a start=http://gateway/name/ [-a sitemaps=1] [-a name=NAME]

One line a page: the address asked for, where it was found, its status, its canonical addresses (Link field and page) but those in a file system, and
those.
"""

import re
from urllib.parse import urljoin

import scrapy
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import SitemapSpider

LINK = re.compile(r'<([^>]*)>((?:[^,"]|"[^"]*")*)')
SETTINGS = {
    "ROBOTSTXT_OBEY": True,
    "CONCURRENT_REQUESTS": 8,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
    "LOG_LEVEL": "INFO",
    "TELNETCONSOLE_ENABLED": False,
    "RETRY_TIMES": 2,
    "DOWNLOAD_MAXSIZE": 64 * 1024 * 1024,
}


def canonicals(response):
    fields = [value.decode("latin1") for value in response.headers.getlist("Link")]
    found = [
        match.group(1)
        for field in fields
        for match in LINK.finditer(field)
        if re.search(r'rel\s*=\s*"?[^";]*\bcanonical\b', match.group(2), re.I)
    ]
    if isinstance(response, scrapy.http.HtmlResponse):
        written = response.xpath('//head/link[@rel="canonical"]/@href').getall()
        found += [urljoin(response.url, href) for href in written]
    return found


def line(response):
    redirects = response.meta.get("redirect_urls", [])
    found = canonicals(response)
    return {
        "asked": redirects[0] if redirects else response.url,
        "url": response.url,
        "status": response.status,
        "html": isinstance(response, scrapy.http.HtmlResponse),
        "canonical": [address for address in found if not address.startswith("file:")],
        "disk": [address for address in found if address.startswith("file:")],
        "from": response.request.headers.get("Referer", b"").decode("latin1"),
    }


class Pages(scrapy.Spider):
    name = "pages"
    custom_settings = {**SETTINGS, "HTTPERROR_ALLOW_ALL": True}

    def __init__(self, start, **arguments):
        super().__init__(**arguments)
        self.start_urls = [start]
        self.links = LinkExtractor(
            allow=r"^https?://127\.0\.0\.1[:/]",
            deny_extensions=[],
            tags=("a", "area", "link", "img", "script"),
            attrs=("href", "src"),
        )

    def parse(self, response):
        yield line(response)
        if isinstance(response, scrapy.http.HtmlResponse) and response.status == 200:
            for link in self.links.extract_links(response):
                yield response.follow(link, self.parse)


class Sitemaps(SitemapSpider):
    name = "sitemaps"
    custom_settings = SETTINGS

    def __init__(self, robots, site, **arguments):
        # Read by the constructor.
        self.sitemap_urls = [robots]
        self.sitemap_rules = [(f"/{site}/", "parse")]
        self.sitemap_follow = [rf"/{site}/sitemap", r"^https?://[^/]+/sitemap\.xml$"]
        super().__init__(**arguments)

    def parse(self, response):
        yield line(response)
