/// All charts of a connection, one below the other, as an SVG or as a web page that needs nothing else.
public struct Sheet {
  private let title: String
  private let summary: String
  private let charts: [(svg: SVG, height: Double)]

  /// The charts of a connection: sequence numbers, windows, round trips, throughput, ladder.
  public init(_ flow: Flow, title: String) {
    self.title = title
    summary = flow.summary
    let panels = [flow.timeSequence(), flow.windows(), flow.roundTrips(), flow.throughput()]
    let ladder = LadderChart(flow)
    charts = panels.compactMap(\.self).map { ($0.svg, $0.height) } + [(ladder.svg, ladder.height)]
  }

  /// One SVG document.
  public var svg: String {
    let top = 70.0
    var svg = SVG()
    svg.words(title, 20, 32, size: 18, isBold: true)
    svg.words(summary, 20, 54, colour: "#555")
    var y = top
    for chart in charts {
      svg.open("g", "transform=\"translate(0 \(SVG.number(y)))\"")
      svg.add(chart.svg)
      svg.close("g")
      y += chart.height + 24
    }
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + Self.document(svg, height: y)
  }

  /// One web page with the charts in it.
  public var html: String {
    let pictures = charts.map { "<figure>\n\(Self.document($0.svg, height: $0.height))</figure>\n" }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <title>\(SVG.escape(title))</title>
      <style>
      :root { color-scheme: light; }
      body { font-family: sans-serif; color: #222; background: #fff; max-width: 1040px; margin: 1em auto; }
      figure { margin: 1.5em 0; }
      svg { width: 100%; height: auto; }
      </style>
      </head>
      <body>
      <h1>\(SVG.escape(title))</h1>
      <p>\(SVG.escape(summary))</p>
      \(pictures.joined())</body>
      </html>

      """
  }

  private static func document(_ content: SVG, height: Double) -> String {
    let (width, height) = (SVG.number(Panel.width), SVG.number(height))
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\""
      + " viewBox=\"0 0 \(width) \(height)\" font-family=\"Helvetica, Arial, sans-serif\">\n"
      + "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\(content.text)</svg>\n"
  }
}
