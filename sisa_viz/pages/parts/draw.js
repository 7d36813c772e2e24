(async () => {
  for (const plot of document.querySelectorAll(".sisa-figure")) {
    const [target, source] = plot.children;
    const { data, layout } = JSON.parse(source.textContent);
    await Plotly.newPlot(target, data, layout, { responsive: true, displaylogo: false });
    await new Promise((next) => setTimeout(next));
  }
  document.documentElement.dataset.drawn = "all";
})();
